/** One thread of the pool: plays the seeds that it is given, one after the other. */
import { parentPort } from 'node:worker_threads';
import { defectNamed } from './defects/defects.ts';
import type { Order, SeedSummary } from './pool.ts';
import { runSeed } from './run-seed.ts';

parentPort?.on('message', ({ seeds, defect, intervalUs, kind }: Order) => {
  const planted = defect === undefined ? undefined : defectNamed(defect);
  const summaries = seeds.map((seed): SeedSummary => {
    const result = runSeed(seed, {
      kind: kind ?? planted?.kind,
      intervalUs: intervalUs ?? planted?.intervalUs,
      ...(planted === undefined
        ? {}
        : { mix: planted.mix ?? {}, tampering: planted.tampering, ignored: planted.ignored }),
    });
    const { simulatedUs, events, moves, settledAfterUs, violation } = result;
    return {
      seed,
      kind: result.kind,
      intervalUs: result.intervalUs,
      simulatedUs,
      events,
      moves,
      settledAfterUs,
      violation,
    };
  });
  parentPort?.postMessage(summaries);
});
