import { FENCE_METRICS } from './fence-metrics.ts';
import { GROUP_METRICS } from './group-metrics.ts';
import type { Metric } from './metric.ts';
import { NODE_METRICS } from './node-metrics.ts';
import { PEER_METRICS } from './peer-metrics.ts';
import { PROCESS_METRICS } from './process-metrics.ts';
import { ROUTER_METRICS } from './router-metrics.ts';
import { WITNESS_METRICS } from './witness-metrics.ts';

/** Every metric of the agent, in the order in which it is told. `docs/metrics.md` has them all. */
export const METRICS: readonly Metric[] = [
  ...NODE_METRICS,
  ...GROUP_METRICS,
  ...FENCE_METRICS,
  ...PEER_METRICS,
  ...WITNESS_METRICS,
  ...ROUTER_METRICS,
  ...PROCESS_METRICS,
];
