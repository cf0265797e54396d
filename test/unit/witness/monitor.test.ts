import type { ClusterOccurrence, GroupReport, HistoryEntry, PeerReport } from '@tiebreak/shared/wire';
import { describe, expect, test } from 'vitest';
import {
  dueAtMs,
  LOST_AFTER_MS,
  type Monitor,
  type MonitorStep,
  nodeConnected,
  nodeQuiet,
  nodeReported,
  nodeRevoked,
  timePasses,
  VACANT_AFTER_MS,
} from '../../../witness/monitor.ts';

const NOTHING: Monitor = { nodes: new Map(), groups: new Map(), quietSinceMs: new Map() };
const HEARD: PeerReport = { node: 'b', state: 'heard', rtt_ms: 0.4 };
const SILENT: PeerReport = { node: 'b', state: 'silent', rtt_ms: null };

function reportOf(
  role: GroupReport['role'],
  counter: number,
  node: string,
  more: Partial<GroupReport> = {},
): GroupReport {
  return { group: 'edge', role, ballot: { counter, node }, protected: true, reason: null, ...more };
}

function decision(id: string): HistoryEntry {
  return {
    id,
    at: '2026-11-26T03:12:00.000Z',
    group: 'edge',
    from: 'backup',
    to: 'active',
    ballot: { counter: 1, node: 'a' },
    cause: 'released',
    votes: [],
    text: `decision ${id}`,
  };
}

/** A monitor that has been through this, and all that it told. */
class Story {
  monitor = NOTHING;
  readonly told: ClusterOccurrence[] = [];

  take({ monitor, occurrences }: MonitorStep): readonly ClusterOccurrence[] {
    this.monitor = monitor;
    this.told.push(...occurrences);
    return occurrences;
  }

  report(node: string, groups: GroupReport[], nowMs = 0, peers: PeerReport[] = [], decisions: HistoryEntry[] = []) {
    return this.take(nodeReported(this.monitor, node, { peers, groups, decisions }, nowMs));
  }

  pass(nowMs: number) {
    return this.take(timePasses(this.monitor, nowMs));
  }

  get owner(): string | null | undefined {
    return this.monitor.groups.get('edge')?.owner;
  }
}

describe('who owns a group', () => {
  test('the node that says so; told once, and with whoever owned it before', () => {
    const story = new Story();
    story.report('a', [reportOf('active', 1, 'a')]);
    story.report('a', [reportOf('active', 1, 'a')]);
    story.report('b', [reportOf('active', 2, 'b')]);
    expect(story.told).toEqual([
      { kind: 'owner', group: 'edge', from: null, to: 'a', ballot: { counter: 1, node: 'a' } },
      { kind: 'owner', group: 'edge', from: 'a', to: 'b', ballot: { counter: 2, node: 'b' } },
    ]);
  });

  test.each([
    ['gives up first', [reportOf('backup', 1, 'a'), reportOf('active', 2, 'b')]],
    ['takes over first', [reportOf('active', 2, 'b'), reportOf('backup', 1, 'a')]],
  ])('a handover is one change, whoever %s', (_, [first, second]) => {
    const story = new Story();
    story.report('a', [reportOf('active', 1, 'a')]);
    for (const report of [first, second]) {
      if (report !== undefined) story.report(report.ballot.node, [report], 100);
    }
    story.pass(100 + VACANT_AFTER_MS);
    expect(story.told.filter(({ kind }) => kind === 'owner')).toHaveLength(2);
    expect(story.owner).toBe('b');
  });

  test('nobody, once its owner has given it up and no other took it for three seconds', () => {
    const story = new Story();
    story.report('a', [reportOf('active', 1, 'a')]);
    story.report('a', [reportOf('maintenance', 1, 'a')], 1_000);
    story.report('a', [reportOf('fault', 1, 'a')], 2_000);
    expect(dueAtMs(story.monitor)).toBe(1_000 + VACANT_AFTER_MS);
    expect(story.pass(999 + VACANT_AFTER_MS)).toEqual([]);
    expect(story.pass(1_000 + VACANT_AFTER_MS)).toEqual([
      { kind: 'owner', group: 'edge', from: 'a', to: null, ballot: { counter: 1, node: 'a' } },
    ]);
    expect(story.pass(60_000)).toEqual([]);
    expect(dueAtMs(story.monitor)).toBe(Number.POSITIVE_INFINITY);
  });

  test('not the one whose word comes late: its ballot is lower', () => {
    const story = new Story();
    story.report('b', [reportOf('active', 2, 'b')]);
    expect(story.report('a', [reportOf('active', 1, 'a')])).toEqual([]);
    expect(story.owner).toBe('b');
    expect(story.monitor.groups.get('edge')?.reports.a).toMatchObject({ role: 'active' });
  });

  test('another node that is a backup changes nothing', () => {
    const story = new Story();
    story.report('a', [reportOf('active', 1, 'a')]);
    story.report('b', [reportOf('backup', 1, 'a')], 5);
    story.pass(60_000);
    expect(story.owner).toBe('a');
  });
});

test('a loss of protection is told once, with its reason, and so is its end', () => {
  const story = new Story();
  story.report('a', [reportOf('active', 1, 'a')]);
  const unprotected = { protected: false, reason: 'policy available: owns without a majority' };
  story.report('a', [reportOf('active', 1, 'a', unprotected)]);
  story.report('a', [reportOf('active', 1, 'a', { ...unprotected, reason: 'the same, in other words' })]);
  story.report('a', [reportOf('active', 1, 'a')]);
  expect(story.told.filter(({ kind }) => kind === 'protection')).toEqual([
    { kind: 'protection', group: 'edge', node: 'a', ...unprotected },
    { kind: 'protection', group: 'edge', node: 'a', protected: true, reason: null },
  ]);
});

test('what is reported once more, as over each new link, changes nothing that would have to be written', () => {
  const story = new Story();
  story.report('a', [reportOf('active', 1, 'a')], 0, [HEARD]);
  const before = story.monitor;
  story.report('a', [reportOf('active', 1, 'a')], 9_000, [{ ...HEARD, rtt_ms: 7 }]);
  expect(story.monitor.groups).toBe(before.groups);
  expect(story.monitor.nodes).toBe(before.nodes);
});

test('names that are made up fill no storage: 512 groups are known, and no more', () => {
  const story = new Story();
  for (let count = 0; count < 600; count += 1) story.report('a', [reportOf('active', 1, 'a', { group: `g${count}` })]);
  expect(story.monitor.groups.size).toBe(512);
  expect(story.told).toHaveLength(512);
  expect(story.report('b', [reportOf('active', 2, 'b', { group: 'g511' })])).toHaveLength(1);
});

describe('who hears whom', () => {
  test('one direction that is lost is told, and its return', () => {
    const story = new Story();
    story.report('a', [], 0, [HEARD]);
    story.report('a', [], 0, [SILENT]);
    story.report('a', [], 0, [SILENT]);
    story.report('a', [], 0, [HEARD]);
    expect(story.told).toEqual([
      { kind: 'hearing', node: 'a', peer: 'b', state: 'silent' },
      { kind: 'hearing', node: 'a', peer: 'b', state: 'heard' },
    ]);
  });
});

describe('decisions', () => {
  test('come in order, each once, however often they are sent', () => {
    const story = new Story();
    story.report('a', [], 0, [], [decision('3-1'), decision('3-2')]);
    story.report('a', [], 0, [], [decision('3-2'), decision('3-10')]);
    story.report('a', [], 0, [], [decision('4-1')]);
    const ids = story.told.flatMap((event) => (event.kind === 'decision' ? [event.decision.id] : []));
    expect(ids).toEqual(['3-1', '3-2', '3-10', '4-1']);
    expect(story.monitor.nodes.get('a')?.decided).toBe('4-1');
  });

  test('of two nodes have nothing to do with each other', () => {
    const story = new Story();
    story.report('a', [], 0, [], [decision('9-1')]);
    expect(story.report('b', [], 0, [], [decision('2-1')])).toHaveLength(1);
  });
});

describe('a node', () => {
  function known(): Story {
    const story = new Story();
    story.take(nodeConnected(story.monitor, 'a'));
    return story;
  }

  test('is found once, and lost after ten seconds of silence', () => {
    const story = known();
    story.take(nodeConnected(story.monitor, 'a'));
    story.monitor = nodeQuiet(story.monitor, 'a', 1_000);
    story.monitor = nodeQuiet(story.monitor, 'a', 5_000);
    expect(dueAtMs(story.monitor)).toBe(1_000 + LOST_AFTER_MS);
    expect(story.pass(999 + LOST_AFTER_MS)).toEqual([]);
    expect(story.pass(1_000 + LOST_AFTER_MS)).toEqual([{ kind: 'node', node: 'a', state: 'lost' }]);
    story.monitor = nodeQuiet(story.monitor, 'a', 20_000);
    expect(story.pass(90_000)).toEqual([]);
    expect(story.take(nodeConnected(story.monitor, 'a'))).toEqual([{ kind: 'node', node: 'a', state: 'found' }]);
  });

  test('that is back within that time was never lost', () => {
    const story = known();
    story.monitor = nodeQuiet(story.monitor, 'a', 0);
    expect(story.take(nodeConnected(story.monitor, 'a'))).toEqual([]);
    expect(story.pass(LOST_AFTER_MS)).toEqual([]);
  });

  test('that has never been heard is not lost, and neither is one that was revoked', () => {
    expect(nodeQuiet(NOTHING, 'b', 0)).toBe(NOTHING);
    const story = known();
    story.monitor = nodeRevoked(nodeQuiet(story.monitor, 'a', 0), 'a');
    expect(story.pass(LOST_AFTER_MS)).toEqual([]);
  });
});

describe('mode "vrrp", which has no ballots', () => {
  const plain = (role: GroupReport['role']): GroupReport[] => [reportOf(role, 0, '', { protected: false })];

  test('two may own at once: the last one that says so is shown, and the other one again when that steps back', () => {
    const story = new Story();
    story.report('a', plain('active'));
    story.report('b', plain('active'));
    expect(story.monitor.groups.get('edge')).toMatchObject({ owner: 'b', protected: false });
    expect(story.report('b', plain('backup'))).toEqual([
      { kind: 'owner', group: 'edge', from: 'b', to: 'a', ballot: { counter: 0, node: '' } },
    ]);
    expect(story.pass(VACANT_AFTER_MS)).toEqual([]);
    expect(story.monitor.groups.get('edge')).toMatchObject({ owner: 'a', vacantSinceMs: null });
  });

  test('nobody owns once the last one has stepped back', () => {
    const story = new Story();
    story.report('a', plain('active'));
    story.report('b', plain('backup'));
    story.report('a', plain('fault'));
    story.pass(VACANT_AFTER_MS);
    expect(story.monitor.groups.get('edge')).toMatchObject({ owner: null });
  });

  test('with ballots a stale word is no owner', () => {
    const story = new Story();
    story.report('a', [reportOf('active', 3, 'a')]);
    story.report('b', [reportOf('active', 4, 'b')]);
    story.report('b', [reportOf('backup', 4, 'b')]);
    expect(story.monitor.groups.get('edge')).toMatchObject({ owner: 'b', vacantSinceMs: 0 });
  });
});
