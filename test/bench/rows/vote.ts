import type { Measurement } from '../report/measurement.ts';
import { besideHello } from '../witness/beside-hello.ts';

/** The renewal of a vote over a warm link, each with an object beside it that only writes a row and answers. */
export async function vote(runs: number): Promise<Measurement[]> {
  const compared = await besideHello(runs, ['link'], [1]);
  return compared.map(({ part, hello, renewal }) => ({
    id: `vote-${part}`,
    title: `witness vote over a warm link, ${part}`,
    goal: { kind: 'ratio', most: 1.3 },
    tiebreak: { values: renewal, unit: 'ms' },
    compared: { with: 'bare object', figure: { values: hello, unit: 'ms' } },
  }));
}
