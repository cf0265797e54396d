import { type FaultResult, type Setting, type Simulated, simulate } from '../../../agent/simulate/index.ts';

/** As docs/examples/a.toml has it. */
export const PAIR: Setting = {
  nodes: ['left', 'right'],
  hasWitness: true,
  policy: { name: 'bias', promiseMs: 60_000 },
  intervalUs: 250_000,
  version: 3,
  priorities: [200, 100],
  preemptDelayUs: undefined,
  witnessRttUs: 20_000,
};

export function play(setting: Setting, options: Partial<Parameters<typeof simulate>[1]> = {}): Simulated {
  return simulate(setting, { seed: 1, longestUs: undefined, runs: 10, ...options });
}

export function resultOf({ results }: Simulated, id: string): FaultResult {
  const result = results.find(({ fault }) => fault.id === id);
  if (result === undefined) throw new Error(`no fault ${id} among ${results.map(({ fault }) => fault.id).join(', ')}`);
  return result;
}

/** In every run: who owned at the end of the fault, as the simulated world names it. */
export function ownersAfter(result: FaultResult): string[] {
  return [...new Set(result.outcomes.map(({ ownersAfter: owners }) => owners.join(' and ') || 'nobody'))];
}
