import type { GroupReport, HistoryEntry, PeerReport } from '@tiebreak/shared/wire';
import { describe, expect, test } from 'vitest';
import { PEERS_EVERY_US, Reports } from '../../../agent/witness-link/reports.ts';
import type { Report } from '../../../agent/witness-link/requests.ts';
import { ENTRY } from '../api/sources.ts';

const MINUTES_US = 60_000_000;
const PEER: PeerReport = { node: 'b', state: 'heard', rtt_ms: 0.4 };
const GROUP: GroupReport = {
  group: 'edge',
  role: 'backup',
  ballot: { counter: 1, node: 'b' },
  protected: true,
  reason: null,
};

function entries(count: number): HistoryEntry[] {
  return Array.from({ length: count }, (_, index) => ({ ...ENTRY, id: `3-${index + 1}` }));
}

function groups(count: number): GroupReport[] {
  return Array.from({ length: count }, (_, index) => ({ ...GROUP, group: `g${index}` }));
}

const ALL: Report = { peers: [PEER], groups: [GROUP], decisions: [] };

/** Sends what is due, and has it answered at once: everything that was sent until nothing was left. */
function drain(reports: Reports, all: Report, decided: string | null = null, nowUs = 0): Report[] {
  const sent: Report[] = [];
  let known = decided;
  for (let next = reports.next(all, nowUs); next !== null; next = reports.next(all, nowUs)) {
    reports.sent(next);
    sent.push(next);
    known = next.decisions.at(-1)?.id ?? known;
    reports.answered(known, nowUs);
    if (sent.length > 1_000) throw new Error('it never ends');
  }
  return sent;
}

function opened(): Reports {
  const reports = new Reports();
  reports.linkOpened(PEERS_EVERY_US);
  return reports;
}

describe('a new link', () => {
  test('is told everything, in messages of a bounded size, and then nothing more', () => {
    const sent = drain(opened(), { peers: [PEER], groups: groups(20), decisions: entries(9) });
    expect(sent.flatMap((report) => report.groups.map(({ group }) => group))).toEqual(
      groups(20).map(({ group }) => group),
    );
    expect(sent.flatMap(({ decisions }) => decisions.map(({ id }) => id))).toEqual(entries(9).map(({ id }) => id));
    for (const report of sent) {
      expect(report.groups.length).toBeLessThanOrEqual(8);
      expect(report.decisions.length).toBeLessThanOrEqual(4);
      expect(report.peers).toEqual([PEER]);
    }
  });

  test('is told of no decision before the witness has said which ones it knows', () => {
    const reports = opened();
    const all = { ...ALL, decisions: entries(3) };
    const first = reports.next(all, 0);
    expect(first?.decisions).toEqual([]);
    reports.sent(first ?? all);
    reports.answered('3-2', 0);
    expect(reports.next(all, 0)?.decisions.map(({ id }) => id)).toEqual(['3-3']);
  });

  test('begins anew, even with a message of the former one under way', () => {
    const reports = opened();
    drain(reports, ALL);
    reports.sent(ALL);
    reports.linkOpened(PEERS_EVERY_US);
    expect(reports.next(ALL, 0)?.groups).toEqual([GROUP]);
  });
});

describe('later', () => {
  const settled = (): Reports => {
    const reports = opened();
    drain(reports, ALL);
    return reports;
  };

  test.each<[string, Partial<Report>]>([
    ['a role', { groups: [{ ...GROUP, role: 'active' }] }],
    ['a ballot', { groups: [{ ...GROUP, ballot: { counter: 2, node: 'b' } }] }],
    ['protection', { groups: [{ ...GROUP, protected: false }] }],
    ['who is heard', { peers: [{ ...PEER, state: 'silent' }] }],
    ['a decision', { decisions: entries(1) }],
  ])('%s that changes is told, once', (_, change) => {
    expect(drain(settled(), { ...ALL, ...change })).toHaveLength(1);
  });

  test.each<[string, Partial<Report>]>([
    ['a reason alone, which counts seconds down', { groups: [{ ...GROUP, reason: 'for 31 s more' }] }],
    ['a round trip', { peers: [{ ...PEER, rtt_ms: 3 }] }],
  ])('%s is no news', (_, change) => {
    expect(settled().next({ ...ALL, ...change }, 0)).toBeNull();
  });

  test('round trips are told every ten minutes', () => {
    const reports = settled();
    expect(reports.next(ALL, 10 * MINUTES_US - 1)).toBeNull();
    expect(drain(reports, ALL, null, 10 * MINUTES_US)).toEqual([{ ...ALL, groups: [] }]);
  });

  test('one message is under way at a time, and one that was not taken is sent again', () => {
    const reports = settled();
    const changed = { ...ALL, groups: [{ ...GROUP, role: 'active' as const }] };
    reports.sent(reports.next(changed, 0) ?? ALL);
    expect(reports.next(changed, 0)).toBeNull();
    reports.answered(undefined, 0);
    expect(reports.next(changed, 0)?.groups).toEqual(changed.groups);
  });
});
