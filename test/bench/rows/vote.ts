import type { Measurement } from '../report/measurement.ts';
import { besideHello } from '../witness/beside-hello.ts';

/** The renewal of a vote over a warm link, in turn with an object that only writes a row and answers: in batches, and one by one. */
export async function vote(runs: number): Promise<Measurement[]> {
  const compared = await besideHello({ runs, ways: ['link'] });
  return compared.map(({ inTurn, part, hello, renewal }) => ({
    id: inTurn === 1 ? `vote-one-by-one-${part}` : `vote-${part}`,
    title: `witness vote over a warm link, ${inTurn} in turn, ${part}`,
    goal: { kind: 'ratio', most: 1.3 },
    tiebreak: { values: renewal, unit: 'ms' },
    compared: { with: 'bare object', figure: { values: hello, unit: 'ms' } },
  }));
}
