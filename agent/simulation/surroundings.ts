import type { Monitor } from './monitor.ts';
import type { Network } from './network.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';
import type { Tampering } from './tampering.ts';
import type { Timeline } from './timeline.ts';

/** What every simulated node lives in. */
export type Surroundings = {
  readonly schedule: Schedule;
  readonly network: Network;
  readonly random: Random;
  readonly monitor: Monitor;
  readonly timeline: Timeline;
  readonly intervalUs: number;
  readonly tampering: Tampering;
};
