import { counter, gauge, type Metric, single, truth } from './metric.ts';

/** What the whole agent has one of. */
export const NODE_METRICS: readonly Metric[] = [
  gauge(
    'tiebreak_build_info',
    'Always 1: the node as its configuration names it, and the version of the agent.',
    ['node', 'version'],
    ({ status: { node, version } }) => [{ labels: { node, version }, value: 1 }],
  ),
  gauge('tiebreak_healthy', 'Whether every decision loop makes progress, as GET /healthz says.', [], ({ healthy }) =>
    single(truth(healthy)),
  ),
  gauge(
    'tiebreak_guardian_running',
    'Whether the guardian runs, which closes the fence and hands over should the engine die.',
    [],
    ({ status }) => single(truth(status.process.guardian_pid !== null)),
  ),
  gauge(
    'tiebreak_engine_recent_crashes',
    'Crashes of the engine in the ten minutes before this engine was started.',
    [],
    ({ recentCrashes }) => single(recentCrashes),
  ),
  gauge(
    'tiebreak_config_last_reload_successful',
    'Whether the last reload of the configuration succeeded; 1 before the first one.',
    [],
    ({ status: { config } }) => single(truth(config?.last_reload?.ok ?? true)),
  ),
  gauge(
    'tiebreak_config_last_reload_success_timestamp_seconds',
    'Unix time since when the configuration in force is that: of the last reload that succeeded, or of the start.',
    [],
    ({ status: { config } }) => (config === undefined ? [] : single(Date.parse(config.in_force_since) / 1000)),
  ),
  counter(
    'tiebreak_history_entries_total',
    'Decisions that went into the history (tiebreak history).',
    [],
    ({ historyEntries }) => single(historyEntries),
  ),
  counter(
    'tiebreak_network_monitor_overruns_total',
    'How often the kernel had more changes of interfaces and addresses to tell than were read in time, so that all were read anew.',
    [],
    ({ networkMonitorOverruns }) => single(networkMonitorOverruns),
  ),
  counter(
    'tiebreak_fence_recreations_total',
    "How often the fence's nftables rules had to be put up again because another program had removed them.",
    [],
    ({ fenceRecreations }) => single(fenceRecreations),
  ),
];
