import { counter, gauge, type Metric, single } from './metric.ts';

/** Under the names that every Prometheus client uses. */
export const PROCESS_METRICS: readonly Metric[] = [
  counter('process_cpu_seconds_total', 'Processor time of the engine, user and system.', [], ({ engine }) =>
    single(engine.cpuSeconds),
  ),
  gauge('process_resident_memory_bytes', 'Resident memory of the engine.', [], ({ engine }) =>
    single(engine.residentBytes),
  ),
  gauge('process_open_fds', 'Open file descriptors of the engine.', [], ({ engine: { openFileDescriptors: open } }) =>
    open === undefined ? [] : single(open),
  ),
  gauge('process_start_time_seconds', 'When the engine was started, as Unix time.', [], ({ engine }) =>
    single(engine.startTimeSeconds),
  ),
  gauge(
    'nodejs_eventloop_lag_p99_seconds',
    'How late the event loop was since the scrape before, 99th percentile. Measured from the first scrape on.',
    [],
    ({ engine: { eventLoopLag } }) => (eventLoopLag === undefined ? [] : single(eventLoopLag.p99Seconds)),
  ),
  gauge('nodejs_eventloop_lag_max_seconds', 'The same, maximum.', [], ({ engine: { eventLoopLag } }) =>
    eventLoopLag === undefined ? [] : single(eventLoopLag.maxSeconds),
  ),
];
