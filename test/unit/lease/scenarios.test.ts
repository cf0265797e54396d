/** Two agents and a witness on a simulated network: what a person would try first, each told in one test. */
import { describe, expect, test } from 'vitest';
import { NO_TROUBLES } from '../../../agent/simulation/agent-shell.ts';
import { GROUP, type NodeName, World, type WorldOptions } from '../../../agent/simulation/world.ts';

const INTERVAL_US = 250_000;
const SKEW_B_US = ((256 - 100) * INTERVAL_US) / 256;
const DOWN_B_US = 3 * INTERVAL_US + SKEW_B_US;
const HEARTBEAT_US = INTERVAL_US / 2;
const SECOND_US = 1_000_000;
/** Opening the fence, a few datagrams, the simulator's own step. */
const SLACK_US = 10_000;

function settled(options: Partial<WorldOptions> = {}): World {
  const world = new World({ seed: 7, intervalUs: INTERVAL_US, ...options });
  world.settle();
  return world;
}

function ballotOf(world: World, node: NodeName): number | undefined {
  const role = world.agent(node).state?.role;
  return role?.name === 'active' ? role.ballot.counter : undefined;
}

function witnessHolder(world: World): string | undefined {
  return world.witness.holder(GROUP);
}

/** How long nobody answered, when `next` takes over from now on. */
function gapUs(world: World, next: NodeName, limitUs = 20 * SECOND_US): number {
  expect(world.owner).not.toBe(next);
  const closed = world.runUntil(() => world.owner === undefined || world.owner === next, limitUs, 200);
  const opened = world.runUntil(() => world.owner === next, limitUs, 200);
  if (closed === undefined || opened === undefined) throw new Error(`${next} never became the owner`);
  return opened;
}

describe('cold start', () => {
  test('the higher priority owns, the other backs it up, and the witness is left alone', () => {
    const world = settled();
    expect(world.owner).toBe('a');
    expect([world.role('a'), world.role('b')]).toEqual(['active', 'backup']);
    expect(witnessHolder(world)).toBeUndefined();
    expect(world.monitor.moves).toBe(0);
  });

  test('one agent alone becomes the owner by the witness’s vote', () => {
    const world = new World({ seed: 7, intervalUs: INTERVAL_US });
    world.b.start();
    world.runFor(12 * SECOND_US);
    expect(world.owner).toBe('b');
    expect(witnessHolder(world)).toBe('b');
  });

  test('one agent without the witness owns nothing, whatever its priority', () => {
    const world = new World({ seed: 7, intervalUs: INTERVAL_US });
    world.cutBoth('a', 'w');
    world.a.start();
    world.runFor(60 * SECOND_US);
    expect(world.owner).toBeUndefined();
    expect(world.monitor.ownerships).toHaveLength(0);
  });

  test('a healthy pair asks the witness for nothing in an hour, and no ballot grows', () => {
    const world = settled({ rates: { a: 1.08, b: 0.92, w: 1 } });
    const ballot = ballotOf(world, 'a');
    const asked = world.a.asks + world.b.asks;
    world.runFor(3600 * SECOND_US);
    expect(world.a.asks + world.b.asks).toBe(asked);
    expect(ballotOf(world, 'a')).toBe(ballot);
    expect(world.owner).toBe('a');
  });
});

describe('the owner dies', () => {
  test('its peer owns within the down time, by the witness’s vote which it asked for meanwhile (L18)', () => {
    const world = settled();
    const asked = world.b.asks;
    world.a.crash();
    const diedUs = world.nowUs;
    const askedAfterUs = world.runUntil(() => world.b.asks > asked, 5 * SECOND_US, 200) ?? 0;
    expect(askedAfterUs).toBeGreaterThan(1.2 * INTERVAL_US - HEARTBEAT_US);
    expect(askedAfterUs).toBeLessThan(1.2 * INTERVAL_US + SLACK_US);
    world.runUntil(() => world.owner === 'b', 5 * SECOND_US, 200);
    expect(world.nowUs - diedUs).toBeLessThan(DOWN_B_US + SLACK_US);
    expect(witnessHolder(world)).toBe('b');
  });

  test('it comes back knowing its vote, votes at once, and the witness’s vote goes back (L9, L12)', () => {
    const world = settled();
    world.a.crash();
    world.runFor(5 * SECOND_US);
    world.a.start();
    world.runFor(2 * SECOND_US);
    expect([world.owner, world.role('a'), witnessHolder(world)]).toEqual(['b', 'backup', undefined]);
    expect(world.monitor.moves).toBe(1);
  });

  test('it comes back knowing nothing, and votes after its quarantine (L9, L12)', () => {
    const world = settled();
    world.a.crash();
    world.a.loseRunDir();
    world.runFor(5 * SECOND_US);
    world.a.start();
    world.runFor(9 * SECOND_US);
    expect(world.role('a')).toBe('initialize');
    expect(witnessHolder(world)).toBe('b');
    world.runFor(2 * SECOND_US);
    expect([world.owner, world.role('a'), witnessHolder(world)]).toEqual(['b', 'backup', undefined]);
    expect(world.monitor.moves).toBe(1);
  });

  test('its peer restarts while the witness is away: the owner does not lose its vote (L9)', () => {
    const world = settled();
    world.cutBoth('a', 'w');
    world.cutBoth('b', 'w');
    world.b.crash();
    world.runFor(INTERVAL_US / 2);
    world.b.start();
    expect(world.runUntil(() => world.owner !== 'a', 20 * SECOND_US, 1000)).toBeUndefined();
  });

  test('without the witness nobody follows it (safe)', () => {
    const world = settled();
    world.cutBoth('b', 'w');
    world.a.crash();
    world.runFor(30 * SECOND_US);
    expect(world.owner).toBeUndefined();
  });
});

describe('the link between the agents is cut', () => {
  const WAYS: [string, [NodeName, NodeName][]][] = [
    [
      'both ways',
      [
        ['a', 'b'],
        ['b', 'a'],
      ],
    ],
    ['from the owner to its peer', [['a', 'b']]],
    ['from the peer to the owner', [['b', 'a']]],
  ];

  test.each(WAYS)('%s: the owner goes on by the witness’s vote, and returns it once all is well again', (_, cuts) => {
    const world = settled();
    for (const [from, to] of cuts) world.cut(from, to);
    const interrupted = world.runUntil(() => world.owner !== 'a', 30 * SECOND_US, 1000);
    expect(interrupted).toBeUndefined();
    expect(witnessHolder(world)).toBe('a');
    for (const [from, to] of cuts) world.mend(from, to);
    expect(world.runUntil(() => world.owner !== 'a', 5 * SECOND_US, 1000)).toBeUndefined();
    expect(witnessHolder(world)).toBeUndefined();
    expect([world.role('a'), world.role('b')]).toEqual(['active', 'backup']);
    expect(world.monitor.moves).toBe(0);
  });

  test('the side without the vote asks the witness about once a second, not at each candidacy', () => {
    const world = settled({ intervalUs: 56_000 });
    world.cutBoth('a', 'b');
    world.runFor(5 * SECOND_US);
    const asked = world.b.asks;
    world.runFor(60 * SECOND_US);
    expect(world.b.asks - asked).toBeLessThan(75);
  });
});

describe('the witness', () => {
  test('is lost, restarted and slow while the agents are well: nothing happens', () => {
    const world = settled();
    const ballot = ballotOf(world, 'a');
    world.cutBoth('a', 'w');
    world.cutBoth('b', 'w');
    world.witness.restart(5 * SECOND_US, 2000);
    expect(world.runUntil(() => world.owner !== 'a', 60 * SECOND_US, 1000)).toBeUndefined();
    world.mendBoth('a', 'w');
    world.mendBoth('b', 'w');
    world.runFor(10 * SECOND_US);
    expect(ballotOf(world, 'a')).toBe(ballot);
    expect(world.monitor.ownerships).toHaveLength(1);
  });

  test('restarts while its vote is needed: the holder keeps it (L12)', () => {
    const world = settled();
    world.cutBoth('a', 'b');
    world.runFor(3 * SECOND_US);
    world.witness.restart(0, 0);
    expect(world.runUntil(() => world.owner !== 'a', 30 * SECOND_US, 1000)).toBeUndefined();
  });

  test('restarts and the holder dies: the other waits for TTL_MAX (L12)', () => {
    const world = settled();
    world.cutBoth('a', 'b');
    world.runFor(3 * SECOND_US);
    world.witness.restart(0, 0);
    world.a.crash();
    const tookUs = world.runUntil(() => world.owner === 'b', 30 * SECOND_US, 1000) ?? 0;
    expect(tookUs).toBeGreaterThan(10 * SECOND_US - SLACK_US);
    expect(tookUs).toBeLessThan(12 * SECOND_US);
  });
});

describe('the owner is cut off from its peer and the witness', () => {
  test('its fence closes before its peer’s opens', () => {
    const world = new World({ seed: 7, intervalUs: INTERVAL_US, rates: { a: 0.92, b: 1.08, w: 1.08 } });
    world.a.start();
    world.runFor(13 * SECOND_US);
    world.b.start();
    world.runFor(12 * SECOND_US);
    expect([world.owner, witnessHolder(world)]).toEqual(['a', undefined]);
    world.cutBoth('a', 'b');
    world.cutBoth('a', 'w');
    const gap = gapUs(world, 'b');
    expect(gap).toBeGreaterThan(0);
    expect(gap).toBeLessThan(DOWN_B_US);
    world.mendBoth('a', 'b');
    world.mendBoth('a', 'w');
    world.runFor(10 * SECOND_US);
    expect([world.owner, world.role('a'), witnessHolder(world)]).toEqual(['b', 'backup', undefined]);
    expect(world.monitor.moves).toBe(1);
  });
});

describe('a planned stop', () => {
  test('costs one way of the network: the owner owns until its successor is ready (L5)', () => {
    const delayUs = 5000;
    const sideband = { loss: 0, duplicate: 0, delayMinUs: delayUs, delayMaxUs: delayUs, late: 0, lateMaxUs: 0 };
    const world = settled({ sideband, uplink: { ...sideband, delayMinUs: 200_000, delayMaxUs: 200_000 } });
    world.a.stop();
    const askedUs = world.runUntil(() => world.owner !== 'a', SECOND_US, 100) ?? SECOND_US;
    // The invitation, and b's answer.
    expect(askedUs).toBeLessThanOrEqual(2 * delayUs + 200);
    expect(world.owner).toBeUndefined();
    const tookUs = world.runUntil(() => world.owner === 'b', SECOND_US, 100) ?? SECOND_US;
    // a's vote.
    expect(tookUs).toBeLessThanOrEqual(delayUs + 200);
    world.runFor(2 * SECOND_US);
    expect(world.role('a')).toBe('gone');
    expect(world.monitor.moves).toBe(1);
  });

  test('of the backup leaves the owner where it is', () => {
    const world = settled();
    world.b.stop();
    expect(world.runUntil(() => world.owner !== 'a', 10 * SECOND_US, 1000)).toBeUndefined();
    expect(witnessHolder(world)).toBe('a');
  });
});

describe('a freeze', () => {
  test('of the owner: its peer takes over after the fence has run out, and the thawed owner is none', () => {
    const world = settled();
    world.a.pause(7 * SECOND_US);
    expect(gapUs(world, 'b')).toBeGreaterThan(0);
    world.runFor(10 * SECOND_US);
    expect([world.owner, world.role('a'), world.role('b')]).toEqual(['b', 'backup', 'active']);
    expect(world.monitor.moves).toBe(1);
  });

  test('of the backup moves nothing', () => {
    const world = settled();
    world.b.pause(7 * SECOND_US);
    expect(world.runUntil(() => world.owner !== 'a', 20 * SECOND_US, 1000)).toBeUndefined();
    expect(witnessHolder(world)).toBeUndefined();
  });

  test('shorter than the lease costs nothing', () => {
    const world = settled();
    world.a.pause(INTERVAL_US);
    expect(world.runUntil(() => world.owner !== 'a', 10 * SECOND_US, 1000)).toBeUndefined();
  });
});

describe('trouble of other kinds', () => {
  test.each([125_000, 250_000, 1_000_000, 4_000_000])('two lost acks in a row cost nothing at %i µs', (intervalUs) => {
    const world = settled({ intervalUs });
    world.cutBoth('a', 'w');
    for (let phase = 0; phase < 10; phase++) {
      world.runFor(2 * intervalUs + (phase * intervalUs) / 20);
      world.cut('b', 'a');
      expect(world.runUntil(() => world.owner !== 'a', 0.95 * intervalUs)).toBeUndefined();
      world.mend('b', 'a');
    }
    expect([world.owner, world.monitor.ownerships.length]).toEqual(['a', 1]);
  });

  test('an opening whose confirmation is lost is closed again before anyone else gets a vote', () => {
    const world = new World({ seed: 7, intervalUs: INTERVAL_US });
    world.a.setTroubles({ ...NO_TROUBLES, unconfirmedChance: 1 });
    world.a.start();
    world.b.start();
    world.runFor(20 * SECOND_US);
    expect(world.owner).toBe('b');
  });

  test('priority-0 advertisements of a stranger move nothing (L4, L5)', () => {
    const world = settled();
    for (let sent = 0; sent < 100; sent++) {
      world.b.hearAdvertisement(0);
      world.runFor(30_000);
    }
    world.runFor(5 * SECOND_US);
    expect([world.owner, world.monitor.ownerships.length]).toEqual(['a', 1]);
  });

  test('a backup whose configuration has changed gets and gives no vote; the owner goes on by the witness (L16)', () => {
    const world = settled();
    world.b.crash();
    world.b.start(world.foreign);
    world.runFor(20 * SECOND_US);
    expect([world.owner, witnessHolder(world), world.role('b')]).toEqual(['a', 'a', 'backup']);
  });

  test('after a restart the ballots go on above everything that was used before (L10)', () => {
    const world = settled();
    world.a.crash();
    world.runFor(5 * SECOND_US);
    const before = ballotOf(world, 'b') ?? 0;
    world.b.crash();
    world.a.start();
    world.b.start();
    world.runFor(15 * SECOND_US);
    expect(ballotOf(world, world.owner === 'a' ? 'a' : 'b')).toBeGreaterThan(before);
  });

  test('a partition that heals brings the lower ballot’s candidate back to backup, without a move (L8)', () => {
    const world = settled();
    world.cutBoth('a', 'b');
    world.runFor(20 * SECOND_US);
    world.mendBoth('a', 'b');
    const calmUs = world.runUntil(
      () => world.role('b') === 'backup' && witnessHolder(world) === undefined,
      5 * SECOND_US,
    );
    expect(calmUs).toBeLessThan(6 * INTERVAL_US);
    world.runFor(5 * SECOND_US);
    expect([world.owner, world.monitor.moves]).toEqual(['a', 0]);
  });
});
