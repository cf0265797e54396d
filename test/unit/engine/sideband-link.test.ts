import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { receivePassedOn } from '../../../agent/engine/sideband-inbox.ts';
import { WITNESS_PATH } from '../../../agent/engine/sideband-link.ts';
import { converse, INTERVAL_US, KEY, ScriptedGroup, SidebandEnd } from './sideband-pair.ts';
import { VirtualTime } from './virtual-time.ts';

function pair(groups: readonly string[] = ['edge']) {
  const time = new VirtualTime();
  const aGroups = groups.map((name) => new ScriptedGroup(name));
  const bGroups = groups.map((name) => new ScriptedGroup(name));
  const a = new SidebandEnd(time, 'a', 'b', aGroups);
  const b = new SidebandEnd(time, 'b', 'a', bGroups);
  return { time, a, b, aGroups, bGroups, aGroup: first(aGroups), bGroup: first(bGroups) };
}

function metPair(groups: readonly string[] = ['edge']) {
  const met = pair(groups);
  met.a.link.heartbeatNow();
  converse(met.a, met.b);
  met.b.link.heartbeatNow();
  converse(met.a, met.b);
  for (const group of [...met.aGroups, ...met.bGroups]) {
    for (const list of [group.claims, group.verdicts, group.sentAtUs]) list.length = 0;
  }
  return met;
}

function first<Item>(items: readonly Item[]): Item {
  const [item] = items;
  if (item === undefined) throw new Error('there is none');
  return item;
}

describe('how two links meet', () => {
  test('nothing counts before both have shown that they are there now; the next heartbeat does', () => {
    const { a, b, bGroup, aGroup } = pair();
    a.link.heartbeatNow();
    converse(a, b);
    expect(bGroup.claims).toHaveLength(0);
    a.link.heartbeatNow();
    converse(a, b);
    expect(bGroup.claims).toHaveLength(1);
    expect(aGroup.verdicts).toHaveLength(1);
  });

  test('a lost hello is said again with a later heartbeat', () => {
    const { time, a, b, bGroup } = pair();
    a.link.heartbeatNow();
    for (const { datagram } of a.take()) b.inbox.receive(datagram, '10.0.0.a');
    expect(b.take()).toHaveLength(1); // and it is lost
    time.pass(50_000);
    a.link.heartbeatNow();
    converse(a, b);
    a.link.heartbeatNow();
    converse(a, b);
    expect(bGroup.claims).toHaveLength(1);
  });

  test('a restarted peer is met again, and what its earlier run said last is refused', () => {
    const { time, a, b, aGroup } = metPair();
    b.link.heartbeatNow();
    const late = b.take();
    const restarted = new SidebandEnd(time, 'b', 'a', [new ScriptedGroup('edge')], { start: 2 });
    for (let beats = 0; beats < 2; beats += 1) {
      time.pass(50_000);
      restarted.link.heartbeatNow();
      converse(a, restarted);
    }
    expect(aGroup.claims).toHaveLength(1);
    for (const { datagram } of late) a.inbox.receive(datagram, '10.0.0.b');
    expect(aGroup.claims).toHaveLength(1);
    expect(a.link.refusals().get('old_incarnation')).toBe(1);
  });

  test('recordings of earlier runs use up no introduction that a restarted peer needs', () => {
    const { time, a } = metPair();
    const recorded = new SidebandEnd(time, 'b', 'a', [new ScriptedGroup('edge')], { start: 0 });
    recorded.link.heartbeatNow();
    for (const { datagram } of recorded.take()) a.inbox.receive(datagram, '10.0.0.b');
    expect(a.take()).toHaveLength(0);
  });
});

describe('heartbeats and acks', () => {
  test('heartbeats leave twice in each interval of the fastest group, one datagram for all groups (L3)', () => {
    const time = new VirtualTime();
    const groups = [new ScriptedGroup('edge'), new ScriptedGroup('slow', 10 * INTERVAL_US)];
    const a = new SidebandEnd(time, 'a', 'b', groups);
    a.link.start();
    time.pass(10 * INTERVAL_US);
    expect(a.take()).toHaveLength(21);
    a.link.stop();
    time.pass(10 * INTERVAL_US);
    expect(a.take()).toHaveLength(0);
  });

  test('heartbeats that a pause has swallowed are not made up for', () => {
    const time = new VirtualTime();
    const a = new SidebandEnd(time, 'a', 'b', [new ScriptedGroup('edge')]);
    a.link.start();
    a.take();
    time.stall(20 * INTERVAL_US);
    time.pass(0);
    expect(a.take()).toHaveLength(1);
    time.pass(INTERVAL_US / 2);
    expect(a.take()).toHaveLength(1);
  });

  test('an ack counts from when its heartbeat left, not from when it came back (L2)', () => {
    const { time, a, b, aGroup } = metPair();
    const sentAtUs = time.nowUs();
    a.link.heartbeatNow();
    converse(a, b, () => time.stall(70_000));
    expect(aGroup.verdicts).toMatchObject([{ sentAtUs, verdict: { kind: 'granted', promiseMs: 250 } }]);
    expect(a.link.paths()[0]?.rttUs).toBe(140_000);
  });

  test('the send time is read before the datagram leaves: too early is safe, too late is not (L2)', () => {
    const { time, a, aGroup } = metPair();
    const beforeUs = time.nowUs();
    a.sending = () => time.stall(30_000);
    a.link.heartbeatNow();
    expect(aGroup.sentAtUs).toEqual([beforeUs]);
  });

  test('each ack counts once', () => {
    const { a, b, aGroup } = metPair();
    a.link.heartbeatNow();
    converse(a, b);
    expect(aGroup.verdicts).toHaveLength(1);
  });

  test.each([
    { after: '64 regular ones', beats: 64, apartUs: INTERVAL_US / 2, counts: 0 },
    { after: '63 regular ones', beats: 63, apartUs: INTERVAL_US / 2, counts: 1 },
    { after: '1,024 others at the same moment', beats: 1_024, apartUs: 0, counts: 0 },
    { after: '1,023 others at the same moment', beats: 1_023, apartUs: 0, counts: 1 },
  ])('after $after the ack of a heartbeat counts $counts times (L3)', ({ beats, apartUs, counts }) => {
    const { time, a, b, aGroup } = metPair();
    a.link.heartbeatNow();
    for (const { datagram } of a.take()) b.inbox.receive(datagram, '10.0.0.a');
    const late = b.take();
    for (let count = 0; count < beats; count += 1) {
      time.pass(apartUs);
      a.link.heartbeatNow();
    }
    a.take();
    for (const { datagram } of late) a.inbox.receive(datagram, '10.0.0.b');
    expect(aGroup.verdicts).toHaveLength(counts);
  });

  test('the ack leaves only when every group has judged its claim (L7)', () => {
    const { a, b, bGroups } = metPair(['edge', 'core']);
    const sentWhileJudging: number[] = [];
    for (const group of bGroups) group.thinks = () => sentWhileJudging.push(b.sent.length);
    a.link.heartbeatNow();
    converse(a, b);
    expect(sentWhileJudging).toEqual([0, 0]);
  });

  test('two groups in one datagram each hear their own claims and verdicts', () => {
    const { a, b, aGroups, bGroups } = metPair(['edge', 'core']);
    a.link.heartbeatNow();
    expect(a.sent).toHaveLength(1);
    converse(a, b);
    expect(bGroups.map((group) => group.claims.map((claim) => claim.group))).toEqual([['edge'], ['core']]);
    expect(aGroups.map((group) => group.verdicts.map(({ verdict }) => verdict.group))).toEqual([['edge'], ['core']]);
  });

  test('a group that the peer does not know is refused by name, and a mere presence is not answered', () => {
    const time = new VirtualTime();
    const mine = new ScriptedGroup('edge');
    const a = new SidebandEnd(time, 'a', 'b', [mine]);
    const b = new SidebandEnd(time, 'b', 'a', [new ScriptedGroup('other')]);
    for (let beats = 0; beats < 2; beats += 1) {
      a.link.heartbeatNow();
      converse(a, b);
    }
    expect(mine.verdicts).toMatchObject([{ verdict: { kind: 'refused', reason: 'unknown_group' } }]);
    mine.kind = 'none';
    a.link.heartbeatNow();
    converse(a, b);
    expect(mine.verdicts).toHaveLength(1);
  });

  test('departures, their notes and JOIN reach their group, and no group that they do not name (L17)', () => {
    const { a, b, bGroup } = metPair();
    const departure = { counter: 9, node: 'a' };
    a.link.depart('edge', { counter: 8, node: 'b' }, departure);
    a.link.departed('edge', departure);
    a.link.join('edge', departure);
    a.link.join('other', departure);
    converse(a, b);
    expect(bGroup.departures).toEqual([
      { kind: 'depart', departure },
      { kind: 'departed', departure },
      { kind: 'join', departure },
    ]);
  });

  test('releases and transfers reach their group', () => {
    const { a, b, bGroup } = metPair();
    const ballot = { counter: 7, node: 'a' };
    a.link.release('edge', ballot);
    a.link.transfer('edge', ballot, 'b');
    a.link.release('unknown', ballot);
    converse(a, b);
    expect(bGroup.releases).toEqual([ballot]);
    expect(bGroup.transfers).toEqual([{ ballot, to: 'b' }]);
  });
});

describe('through the witness', () => {
  const ballot = { counter: 7, node: 'a' };
  const told = { ballot, to: 'b' };

  /** Met, and then every direct path is cut for `intervals`. */
  function cutPair(intervals: number) {
    const met = metPair();
    met.time.pass(intervals * INTERVAL_US);
    return met;
  }

  test('what is said once goes there as well when the peer was not heard directly for 1.5 intervals', () => {
    const { a, b, bGroup, time } = cutPair(1.5);
    a.link.transfer('edge', ballot, 'b');
    a.link.release('edge', ballot);
    a.take();
    expect(a.relayed).toHaveLength(2);
    for (const datagram of a.relayed) expect(receivePassedOn([b.link], 'a', datagram)).toBeUndefined();
    expect(bGroup.transfers).toEqual([told]);
    expect(bGroup.releases).toEqual([ballot]);
    expect(b.link.paths()).toEqual([
      { address: '10.0.0.a', heardAtUs: time.nowUs() - 1.5 * INTERVAL_US, rttUs: undefined },
      { address: WITNESS_PATH, heardAtUs: time.nowUs(), rttUs: undefined },
    ]);
  });

  test('nothing goes there while a direct path was heard since, and heartbeats and acks never do', () => {
    const { a, b, time } = cutPair(1.4);
    a.link.transfer('edge', ballot, 'b');
    time.pass(10 * INTERVAL_US);
    a.link.heartbeatNow();
    for (const { datagram } of a.take()) b.inbox.receive(datagram, '10.0.0.a');
    expect([a.relayed, b.relayed]).toEqual([[], []]);
    expect(b.link.paths()).toHaveLength(1);
  });

  test('being told that the direct ways are gone is enough, until the peer is heard on one again', () => {
    const { a, b } = metPair();
    a.link.noDirectWay();
    a.link.transfer('edge', ballot, 'b');
    expect(a.relayed).toHaveLength(1);
    a.link.heartbeatNow();
    converse(a, b);
    a.link.release('edge', ballot);
    expect(a.relayed).toHaveLength(1);
  });

  test('nothing goes to a peer that has not shown itself on a direct path first', () => {
    const { a } = pair();
    a.link.noDirectWay();
    a.link.transfer('edge', ballot, 'b');
    expect(a.relayed).toEqual([]);
  });

  test('what comes on both ways counts once, and what the witness says is heard is not heard directly', () => {
    const { a, b, bGroup } = cutPair(2);
    a.link.transfer('edge', ballot, 'b');
    const [passedOn] = a.relayed;
    receivePassedOn([b.link], 'a', passedOn ?? new Uint8Array());
    for (const { datagram } of a.take()) b.inbox.receive(datagram, '10.0.0.a');
    receivePassedOn([b.link], 'a', passedOn ?? new Uint8Array());
    expect(bGroup.transfers).toEqual([told]);

    const other = cutPair(2);
    other.a.link.transfer('edge', ballot, 'b');
    receivePassedOn([other.b.link], 'a', other.a.relayed[0] ?? new Uint8Array());
    other.b.link.release('edge', { counter: 7, node: 'b' });
    expect(other.b.relayed).toHaveLength(1);
  });

  test('a node may speak for itself only, and only to whoever has it as a peer', () => {
    const { a, b, bGroup } = cutPair(2);
    a.link.release('edge', ballot);
    const [datagram = new Uint8Array()] = a.relayed;
    expect(receivePassedOn([b.link], 'c', datagram)).toBe('stranger');
    const forged = datagram.slice();
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    expect(receivePassedOn([b.link], 'a', forged)).toBe('wrong_mac');
    expect(bGroup.releases).toEqual([]);
  });

  test('a candidate that nobody hears does not use up the way with its releases', () => {
    const { a, time } = cutPair(2);
    for (let rounds = 0; rounds < 100; rounds += 1) {
      a.link.release('edge', { counter: rounds, node: 'a' });
      time.pass(INTERVAL_US);
    }
    expect(a.relayed).toHaveLength(2);
  });
});

describe('several paths', () => {
  test('everything leaves on each path, counts once, and each path is seen alive', () => {
    const time = new VirtualTime();
    const [mine, theirs] = [new ScriptedGroup('edge'), new ScriptedGroup('edge')];
    const a = new SidebandEnd(time, 'a', 'b', [mine], { addresses: ['10.0.0.b', '10.1.0.b'] });
    const b = new SidebandEnd(time, 'b', 'a', [theirs], { addresses: ['10.0.0.a', '10.1.0.a'] });
    for (let beats = 0; beats < 2; beats += 1) {
      a.link.heartbeatNow();
      while (a.sent.length + b.sent.length > 0) {
        for (const { datagram, to } of a.take()) b.inbox.receive(datagram, to.replace('.b', '.a'));
        for (const { datagram, to } of b.take()) a.inbox.receive(datagram, to.replace('.a', '.b'));
      }
    }
    expect(theirs.claims).toHaveLength(1);
    expect(mine.verdicts).toHaveLength(1);
    const heard = [...a.link.paths(), ...b.link.paths()].map(({ heardAtUs }) => heardAtUs);
    expect(heard).toEqual([1_000_000, 1_000_000, 1_000_000, 1_000_000]);
  });

  test('with one path dead the other carries on alone', () => {
    const time = new VirtualTime();
    const theirs = new ScriptedGroup('edge');
    const a = new SidebandEnd(time, 'a', 'b', [new ScriptedGroup('edge')], { addresses: ['10.0.0.b', '10.1.0.b'] });
    const b = new SidebandEnd(time, 'b', 'a', [theirs], { addresses: ['10.0.0.a', '10.1.0.a'] });
    for (let beats = 0; beats < 2; beats += 1) {
      a.link.heartbeatNow();
      while (a.sent.length + b.sent.length > 0) {
        for (const { datagram, to } of a.take()) if (to === '10.1.0.b') b.inbox.receive(datagram, '10.1.0.a');
        for (const { datagram, to } of b.take()) if (to === '10.1.0.a') a.inbox.receive(datagram, '10.1.0.b');
      }
    }
    expect(theirs.claims).toHaveLength(1);
    expect(a.link.paths().map(({ heardAtUs }) => heardAtUs)).toEqual([undefined, 1_000_000]);
  });
});

describe('what is not believed', () => {
  test('a peer with another key is refused, with the remedy in the log, one line for a flood', () => {
    const { time, a, aGroup } = metPair();
    const wrongKey = { id: 1, key: new Uint8Array(32).fill(8) };
    const stranger = new SidebandEnd(time, 'b', 'a', [new ScriptedGroup('edge')], { start: 9, keys: [wrongKey] });
    for (let count = 0; count < 1000; count += 1) stranger.link.heartbeatNow();
    for (const { datagram } of stranger.take()) a.inbox.receive(datagram, '10.0.0.b');
    expect(aGroup.claims).toHaveLength(0);
    expect(a.inbox.refusals().get('wrong_mac')).toBe(1000);
    expect(a.lines()).toHaveLength(1);
    expect(a.lines()[0]?.msg).toContain('key_file must be the same on every node');
    expect(a.sent).toHaveLength(0);
  });

  test('nothing from an address that nobody configured gets as far as an HMAC, not even the peer itself', () => {
    const { a, b, bGroup } = metPair();
    a.link.heartbeatNow();
    for (const { datagram } of a.take()) b.inbox.receive(datagram, '203.0.113.66');
    expect(bGroup.claims).toHaveLength(0);
    expect(b.inbox.refusals().get('stranger')).toBe(1);
    expect(b.sent).toHaveLength(0);
  });

  test('two links of one address under different keys do not complain of each other', () => {
    const time = new VirtualTime();
    const otherKey = { id: 1, key: new Uint8Array(32).fill(9) };
    const [edge, core] = [new ScriptedGroup('edge'), new ScriptedGroup('core')];
    const b = new SidebandEnd(time, 'b', 'a', [edge]);
    const b2 = new SidebandEnd(time, 'b', 'a', [core], { keys: [otherKey] });
    b.inbox.use([b.link, b2.link]);
    const a2 = new SidebandEnd(time, 'a', 'b', [new ScriptedGroup('core')], { keys: [otherKey] });
    a2.link.heartbeatNow();
    for (const { datagram } of a2.take()) b.inbox.receive(datagram, '10.0.0.a');
    for (const { datagram } of b2.take()) a2.inbox.receive(datagram, '10.0.0.b');
    a2.link.heartbeatNow();
    for (const { datagram } of a2.take()) b.inbox.receive(datagram, '10.0.0.a');
    expect(core.claims).toHaveLength(1);
    expect(edge.claims).toHaveLength(0);
    expect(b.lines()).toHaveLength(0);
    expect(b.inbox.refusals().size).toBe(0);
  });

  test('no bytes without the key change anything: nothing is told to a group, and at most a hello is answered', () => {
    const { a, b, aGroup, bGroup } = metPair();
    a.link.heartbeatNow();
    const genuine = first(a.take()).datagram;
    const before = [aGroup.heard(), bGroup.heard()];
    const mutated = fc
      .tuple(fc.nat(genuine.length - 1), fc.integer({ min: 1, max: 255 }), fc.integer({ min: -40, max: 40 }))
      .map(([at, flip, longer]) => {
        const bytes = new Uint8Array(Math.max(0, genuine.length + longer));
        bytes.set(genuine.subarray(0, bytes.length));
        if (bytes.length > 0) bytes[at % bytes.length] = (bytes[at % bytes.length] ?? 0) ^ flip;
        return bytes;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (bytes) => {
        b.inbox.receive(bytes, '10.0.0.a');
        expect([aGroup.heard(), bGroup.heard()]).toEqual(before);
        expect(b.sent).toHaveLength(0);
      }),
      { numRuns: 3000 },
    );
    b.inbox.receive(genuine, '10.0.0.a');
    expect(bGroup.claims).toHaveLength(1);
  });

  test('replays, reflections and what is meant for another node change nothing', () => {
    const { time, a, b, aGroup, bGroup } = metPair();
    const ballot = { counter: 7, node: 'a' };
    a.link.release('edge', ballot);
    const recorded = a.take();
    for (const { datagram } of recorded) b.inbox.receive(datagram, '10.0.0.a');
    const elsewhere = new SidebandEnd(time, 'a', 'c', [new ScriptedGroup('edge')], { keys: [KEY] });
    elsewhere.link.release('edge', ballot);
    const before = [aGroup.heard(), bGroup.heard()];
    for (const { datagram } of [...recorded, ...elsewhere.take()]) {
      b.inbox.receive(datagram, '10.0.0.a');
      a.inbox.receive(datagram, '10.0.0.b');
    }
    expect([aGroup.heard(), bGroup.heard()]).toEqual(before);
    expect([a.sent, b.sent]).toEqual([[], []]);
  });
});

test('a link goes on with other keys, addresses and groups, and the peer need not meet it again', () => {
  const { a, b, bGroup } = metPair();
  const next = { id: 2, key: new Uint8Array(32).fill(8) };
  b.link.change({ addresses: ['10.0.0.a', '10.0.1.a'], groups: [bGroup], keys: [KEY, next] });
  const heard = bGroup.claims.length;
  a.link.change({ addresses: ['10.0.0.b'], groups: [new ScriptedGroup('edge')], keys: [next, KEY] });
  a.link.heartbeatNow();
  for (const { datagram } of a.take()) expect(b.link.receive(datagram, '10.0.1.a')).toBeUndefined();
  expect(bGroup.claims.length).toBe(heard + 1);
  expect(b.link.paths().map(({ address }) => address)).toEqual(['10.0.0.a', '10.0.1.a']);
  a.link.change({ addresses: ['10.0.0.b'], groups: [new ScriptedGroup('edge')], keys: [{ id: 3, key: next.key }] });
  a.link.heartbeatNow();
  for (const { datagram } of a.take()) expect(b.link.receive(datagram, '10.0.0.a')).toBe('unknown_key');
});

describe('groups that want a heartbeat at the same moment', () => {
  class Turns extends VirtualTime {
    readonly #waiting: (() => void)[] = [];

    override soon(act: () => void): void {
      this.#waiting.push(act);
    }

    /** What runs now is done. */
    end(): void {
      for (const act of this.#waiting.splice(0)) act();
    }
  }

  function linkOf(count: number) {
    const time = new Turns();
    const groups = Array.from({ length: count }, (_, index) => new ScriptedGroup(`g${index}`));
    return { time, groups, a: new SidebandEnd(time, 'a', 'b', groups) };
  }

  test('share one, which says what all of them claim by then', () => {
    const { time, groups, a } = linkOf(250);
    for (const group of groups) {
      group.kind = 'requests';
      a.link.heartbeatSoon(group.name);
    }
    expect(a.take()).toHaveLength(0);
    time.end();
    expect(a.take()).toHaveLength(1);
    expect(groups.map(({ sentAtUs }) => sentAtUs.length)).toEqual(groups.map(() => 1));
  });

  test('say nothing of the groups that have not asked: a change costs as much beside 249 as alone', () => {
    const { a, b, aGroups, bGroups } = metPair(Array.from({ length: 250 }, (_, index) => `g${index}`));
    a.link.heartbeatSoon('g7');
    converse(a, b);
    for (const [index, group] of aGroups.entries()) {
      const times = group.name === 'g7' ? 1 : 0;
      expect([group.sentAtUs.length, group.verdicts.length, bGroups[index]?.claims.length]).toEqual([
        times,
        times,
        times,
      ]);
    }
  });

  test('of a group that has left the link meanwhile are not said, and hold up no other', () => {
    const { time, groups, a } = linkOf(2);
    const [kept] = groups;
    a.link.heartbeatSoon('g1');
    a.link.change({ addresses: ['10.0.0.b'], groups: kept === undefined ? [] : [kept], keys: [KEY] });
    time.end();
    expect(a.take()).toHaveLength(0);
    a.link.heartbeatSoon('g0');
    time.end();
    expect(a.take()).toHaveLength(1);
  });

  test('need none of their own where one has left meanwhile, and get the next when they want it', () => {
    const { time, a } = linkOf(1);
    a.link.heartbeatSoon('g0');
    a.link.heartbeatNow();
    time.end();
    expect(a.take()).toHaveLength(1);
    a.link.heartbeatSoon('g0');
    time.end();
    expect(a.take()).toHaveLength(1);
  });

  test('get none from a link that has been stopped', () => {
    const { time, a } = linkOf(1);
    a.link.heartbeatSoon('g0');
    a.link.stop();
    time.end();
    expect(a.take()).toHaveLength(0);
  });
});
