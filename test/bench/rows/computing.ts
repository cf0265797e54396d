import { runSeed } from '../../sim/run-seed.ts';
import { CODEC_CASES, codecTimes } from '../codec/measure.ts';
import { processorNsOf } from '../processor-time.ts';
import type { Measurement } from '../report/measurement.ts';
import { yardstickNs } from '../yardstick.ts';

const HOUR_US = 3_600_000_000;
const ONE_SECOND_US = 1_000_000;
const SEEDS_PER_ROUND = 40;
/** Until what runs often is compiled. */
const WARM_UP_ROUNDS = 4;

/** Decoding and encoding the message of the most usual kind. */
export function codec(rounds: number): Measurement {
  const [usual] = CODEC_CASES;
  if (usual === undefined) throw new Error('the codec has no case');
  const taken = Array.from({ length: rounds + 1 }, () => ({
    ns: codecTimes(usual).pairNs,
    yardstick: yardstickNs(),
  })).slice(1);
  return {
    id: 'codec',
    title: `codec, ${usual.name}, one core`,
    goal: { kind: 'least', p50: 3 },
    tiebreak: { values: taken.map(({ ns }) => 1_000 / ns), unit: 'M pairs/s' },
    compared: {
      with: 'yardstick',
      figure: { values: taken.map(({ yardstick }) => 1_000 / yardstick), unit: 'M sums/s' },
    },
  };
}

/** Seeds of every kind, one after the other, in this thread. */
export function simulator(rounds: number): Measurement {
  const taken = Array.from({ length: rounds + WARM_UP_ROUNDS }, (_, round) => {
    let simulatedUs = 0;
    const seconds =
      processorNsOf(() => {
        for (let seed = 1; seed <= SEEDS_PER_ROUND; seed += 1) {
          const result = runSeed(round * SEEDS_PER_ROUND + seed, { intervalUs: ONE_SECOND_US });
          if (result.violation !== undefined) throw new Error(`seed ${result.seed}: ${result.violation.message}`);
          simulatedUs += result.simulatedUs;
        }
      }) / 1e9;
    return { hours: simulatedUs / HOUR_US / seconds, yardstick: yardstickNs() };
  }).slice(WARM_UP_ROUNDS);
  return {
    id: 'simulator',
    title: 'simulator, interval 1 s, one core',
    goal: { kind: 'least', p50: 5 },
    tiebreak: { values: taken.map(({ hours }) => hours), unit: 'pair-hours/s' },
    compared: {
      with: 'yardstick',
      figure: { values: taken.map(({ yardstick }) => 1_000 / yardstick), unit: 'M sums/s' },
    },
  };
}
