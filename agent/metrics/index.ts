export { METRICS } from './catalogue.ts';
export { type Exposition, expose } from './exposition.ts';
export type { Metric } from './metric.ts';
export { ProcessWatch } from './process-watch.ts';
export type { GroupReading, ProcessReading, Reading, RouterReading } from './reading.ts';
