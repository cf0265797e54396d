import type { Observation } from '../../lab/observation.ts';

const PERIOD_US = 2_000;
/** Frames of one tick take this long there and back. */
const ROUND_TRIP_US = 100;

/**
 * A record as the prober writes it: probes every 2 ms for `ms`, with who answers at each moment. Missing ticks
 * (`blind`) are times at which the prober itself did not run.
 */
export function recordOf(
  ms: number,
  answering: (atMs: number) => readonly string[],
  blind: (atMs: number) => boolean = () => false,
): Observation[] {
  const record: Observation[] = [];
  for (let tick = 1; tick * 2 <= ms; tick++) {
    const atMs = tick * 2;
    const atUs = tick * PERIOD_US;
    if (blind(atMs)) continue;
    record.push({ kind: 'request', atUs, tick });
    for (const [index, by] of answering(atMs).entries()) {
      const answeredUs = atUs + ROUND_TRIP_US + index;
      record.push({ kind: 'answer', atUs: answeredUs, by, via: 'arp' });
      record.push({ kind: 'answer', atUs: answeredUs + 10, by, via: 'echo', tick });
      if (index === 0) record.push({ kind: 'client_answer', atUs: answeredUs + 20, by, tick });
    }
  }
  return record;
}
