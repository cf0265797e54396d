import type { HistoryEntry } from '@tiebreak/shared/wire';
import type { ApiSources } from '../../../agent/api/app.ts';
import type { Operations, Outcome } from '../../../agent/api/index.ts';
import { WELL } from './status-example.ts';

export const ENTRY: HistoryEntry = {
  id: '3-1',
  at: '2026-11-01T03:12:00.000Z',
  group: 'edge',
  from: 'candidate',
  to: 'active',
  ballot: { counter: 7, node: 'a' },
  cause: 'votes_complete',
  votes: [{ voter: 'a', state: 'granted', remaining_ms: null }],
  text: 'edge: candidate -> active: a majority has voted for this node',
};

/** Notes what was asked for, and answers as the test says. */
export function operationsOf(outcome: Outcome, asked: unknown[][] = []): Operations {
  const note = (name: string, ...args: unknown[]): Outcome => {
    asked.push([name, ...args]);
    return outcome;
  };
  return {
    handOver: (group, to) => note('handOver', group, to),
    reportHealth: (group, check, said) => note('reportHealth', group, check, said),
    setMaintenance: (on) => note('setMaintenance', on),
    forceTakeover: (group) => note('forceTakeover', group),
    forceJoin: (group) => note('forceJoin', group),
    reload: async () => note('reload'),
  };
}

export const SOURCES: ApiSources = {
  status: () => WELL,
  history: () => [ENTRY],
  metrics: async () => ({ contentType: 'text/plain; version=0.0.4', text: 'tiebreak_healthy 1\n' }),
  health: () => ({ ok: true, detail: '' }),
  operations: operationsOf({ ok: true, detail: 'done' }),
};
