import { currentLeaseEndUs, type FoundAtStart, type IdentityRecord, type MemberConfig } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import type { GroupIdentity } from '../../../agent/simulation/group-identity.ts';
import { World, type WorldOptions } from '../../../agent/simulation/world.ts';
import { CONFIG, HASH, INTERVAL_US, Machine, owner } from './machine.ts';

const SECOND_US = 1_000_000;
const FITNESS = { priority: CONFIG.priority, skewUs: CONFIG.skewUs, unfit: undefined };
const A5 = { counter: 5, node: 'a' };
const LOW = '1111111111111111';
const HIGH = '2222222222222222';
const OTHER: MemberConfig = { ...CONFIG, configHash: LOW, policy: { name: 'bias', promiseMs: 20_000 } };
const FIRST = { configHash: HASH, witness: true, policy: CONFIG.policy };
const SECOND = { configHash: LOW, witness: true, policy: OTHER.policy };
const RECENT_BOOT: FoundAtStart = { register: { kind: 'new_boot', uptimeUs: 60 * SECOND_US } };

function configured(machine: Machine, config: MemberConfig): void {
  machine.step({ type: 'configured', config, fitness: FITNESS });
}

function announced(configHash = LOW): { next: { configHash: string; joint: boolean } } {
  return { next: { configHash, joint: false } };
}

function joint(configHash = LOW): { next: { configHash: string; joint: boolean } } {
  return { next: { configHash, joint: true } };
}

/** Past its quarantine, a's backup. */
function backup(config: Partial<MemberConfig> = {}, found = RECENT_BOOT): Machine {
  const machine = new Machine(config, found);
  machine.pass(1);
  machine.hear('owns', A5);
  machine.forget();
  return machine;
}

/** Joint with `OTHER`, on which a has agreed. */
function jointBackup(): Machine {
  const machine = backup();
  configured(machine, OTHER);
  machine.hear('owns', A5, announced());
  machine.step({ type: 'identity-persisted', configHash: LOW });
  expect(machine.claim().next).toEqual({ configHash: LOW, joint: true });
  machine.forget();
  return machine;
}

function lastRecord(machine: Machine): IdentityRecord | undefined {
  return machine.told('persist-identity').at(-1)?.record;
}

describe('a change of identity, stage by stage (L16)', () => {
  test('announced: the node goes by the old one and says which one it has been configured for', () => {
    const machine = backup();
    configured(machine, OTHER);
    expect(machine.claim()).toMatchObject({ configHash: HASH, ...announced() });
    machine.hear('owns', A5);
    expect(machine.told('send-verdict').at(-1)?.verdict.kind).toBe('granted');
    expect(machine.told('persist-identity')).toEqual([]);
    expect(machine.state.config).toMatchObject(FIRST);
  });

  test('joint is written down once every peer has announced the same, and said only then', () => {
    const machine = backup();
    configured(machine, OTHER);
    machine.hear('owns', A5, announced(HIGH));
    expect(machine.told('persist-identity')).toEqual([]);
    machine.hear('owns', A5, announced());
    expect(lastRecord(machine)).toEqual({ generation: 0, agreed: FIRST, joint: SECOND });
    machine.hear('owns', A5, joint());
    expect([machine.claim().next?.joint, machine.state.config.witness]).toEqual([false, true]);
    machine.step({ type: 'identity-persisted', configHash: HIGH });
    expect(machine.claim().next?.joint).toBe(false);
    machine.step({ type: 'identity-persisted', configHash: LOW });
    machine.step({ type: 'tick' });
    // a is joint already.
    expect(machine.claim()).toMatchObject({ configHash: LOW, generation: 1 });
  });

  test('a peer that has not been heard for the down time has not announced anything', () => {
    const machine = backup();
    machine.hear('owns', A5, announced());
    machine.pass(3.4 * INTERVAL_US);
    machine.step({ type: 'stop' });
    const late = backup();
    late.hear('none', A5, announced());
    late.pass(4 * INTERVAL_US);
    configured(late, OTHER);
    expect(late.told('persist-identity')).toEqual([]);
  });

  test('joint: no witness’s vote counts, and none is asked for', () => {
    const machine = jointBackup();
    machine.pass(4 * INTERVAL_US);
    expect(machine.role).toBe('candidate');
    machine.witnessGrants(machine.ballot ?? A5);
    expect([machine.told('ask-witness').length, currentLeaseEndUs(machine.state)]).toEqual([0, -Infinity]);
    machine.acked();
    expect(machine.role).toBe('active');
  });

  test('joint: votes go to whoever goes by either identity', () => {
    const machine = jointBackup();
    machine.hear('owns', A5);
    machine.hear('owns', A5, { configHash: LOW, next: { configHash: HIGH, joint: true } });
    expect(machine.told('send-verdict').map(({ verdict }) => verdict.kind)).toEqual(['granted', 'granted']);
    const third = jointBackup();
    third.hear('owns', A5, { configHash: HIGH });
    expect(third.told('send-verdict')[0]?.verdict).toMatchObject({ kind: 'refused', reason: 'config_mismatch' });
  });

  test('the new one, once every peer is joint: it is written down, and one that is still joint is voted for', () => {
    const machine = jointBackup();
    machine.hear('owns', A5, announced());
    expect(machine.claim().configHash).toBe(HASH);
    machine.hear('owns', A5, joint());
    expect(machine.claim()).toMatchObject({ configHash: LOW, generation: 1 });
    expect(machine.claim().next).toBeUndefined();
    expect(machine.state.config).toMatchObject(SECOND);
    expect(lastRecord(machine)).toEqual({ generation: 1, agreed: SECOND, joint: undefined });
    machine.hear('owns', A5, joint());
    expect(machine.told('send-verdict').at(-1)?.verdict.kind).toBe('granted');
    machine.hear('owns', A5);
    expect(machine.told('send-verdict').at(-1)?.verdict).toMatchObject({ reason: 'config_mismatch' });
  });

  test('a peer that has gone over already was joint', () => {
    const machine = jointBackup();
    machine.hear('owns', A5, { configHash: LOW, generation: 1 });
    expect(machine.claim()).toMatchObject({ configHash: LOW, generation: 1 });
  });

  test('an owner becomes joint only when its fence rests on its peers’ votes alone', () => {
    const machine = new Machine({}, RECENT_BOOT);
    machine.pass(3.5 * INTERVAL_US);
    machine.hear('none', A5, announced());
    const ballot = machine.ballot ?? A5;
    machine.witnessGrants(ballot);
    expect(machine.role).toBe('active');
    configured(machine, OTHER);
    expect(lastRecord(machine)?.joint).toEqual(SECOND);
    machine.step({ type: 'identity-persisted', configHash: LOW });
    expect(machine.claim().next?.joint).toBe(false);
    machine.acked();
    machine.pass(INTERVAL_US / 2);
    expect(machine.told('release-witness')).toHaveLength(1);
    expect([machine.role, machine.claim().next?.joint]).toEqual(['active', true]);
  });
});

test('an owner that has asked the witness becomes joint once it has given the vote back, granted or not', () => {
  const machine = owner();
  machine.hear('none', A5, announced());
  configured(machine, OTHER);
  machine.step({ type: 'heartbeat-sent', to: 'a', sentAtUs: machine.nowUs });
  machine.pass(0.3 * INTERVAL_US);
  expect(machine.told('ask-witness')).toHaveLength(1);
  machine.step({ type: 'identity-persisted', configHash: LOW });
  expect(machine.claim().next?.joint).toBe(false);
  machine.acked();
  machine.pass(INTERVAL_US / 2);
  expect(machine.told('release-witness')).toHaveLength(1);
  expect([machine.role, machine.claim().next?.joint]).toEqual(['active', true]);
});

test('what the witness of before has refused says nothing of the next one', () => {
  const machine = jointBackup();
  machine.witnessRefuses('bound', A5, 5000);
  machine.hear('owns', A5, joint());
  expect(machine.state.witness).toMatchObject({ refusal: undefined, nextAskUs: Number.NEGATIVE_INFINITY });
});

describe('another configuration on the way', () => {
  test('withdrawn while it is only announced: as if nothing had been', () => {
    const machine = backup();
    configured(machine, OTHER);
    configured(machine, CONFIG);
    expect([machine.claim().next, machine.state.change]).toEqual([undefined, undefined]);
    machine.hear('owns', A5, announced());
    expect(machine.told('persist-identity')).toEqual([]);
  });

  test('a third one is announced in the place of the second', () => {
    const machine = backup();
    configured(machine, OTHER);
    configured(machine, { ...OTHER, configHash: HIGH });
    expect(machine.claim()).toMatchObject({ configHash: HASH, ...announced(HIGH) });
    machine.hear('owns', A5, announced(HIGH));
    expect(lastRecord(machine)?.joint?.configHash).toBe(HIGH);
  });

  test('what is being written down is gone through with, and only then left again', () => {
    const machine = backup();
    configured(machine, OTHER);
    machine.hear('owns', A5, announced());
    configured(machine, CONFIG);
    machine.step({ type: 'identity-persisted', configHash: LOW });
    expect(machine.claim().next).toEqual({ configHash: LOW, joint: true });
    machine.hear('owns', A5, joint());
    machine.hear('owns', A5, joint());
    expect(machine.claim()).toMatchObject({ configHash: LOW, generation: 1, ...announced(HASH) });
  });

  test('on a way of no return a node that starts anew for the old one regains no witness before its link leads there', () => {
    const agreed = { ...FIRST, witness: false };
    const machine = backup(OTHER, { ...RECENT_BOOT, identity: { generation: 0, agreed, joint: undefined } });
    machine.hear('owns', A5, announced());
    configured(machine, CONFIG);
    expect([machine.state.change?.stage, machine.state.config.witness]).toEqual(['writing', false]);
  });

  test('a node that has withdrawn follows a peer that is joint, and passes through without any witness’s vote', () => {
    const machine = backup();
    machine.hear('owns', A5, joint(HIGH));
    expect(lastRecord(machine)).toEqual({
      generation: 0,
      agreed: FIRST,
      joint: { ...FIRST, configHash: HIGH, witness: false },
    });
    machine.step({ type: 'identity-persisted', configHash: HIGH });
    machine.hear('owns', A5, { configHash: HIGH, generation: 1 });
    machine.hear('owns', A5, { configHash: HIGH, generation: 1 });
    expect(machine.claim()).toMatchObject({ configHash: HIGH, generation: 1, ...announced(HASH) });
    expect(machine.state.config.witness).toBe(false);
  });

  test('an identity that the node knows, but is no longer configured for, has no witness’s vote here either', () => {
    const machine = jointBackup();
    configured(machine, { ...OTHER, configHash: HIGH });
    machine.hear('owns', A5, joint());
    expect(machine.state.config).toMatchObject({ configHash: LOW, witness: false });
  });

  test.each([
    ['lower', LOW, HIGH, HIGH],
    ['higher', HIGH, LOW, HIGH],
  ])('joint with the %s of two, it ends with the higher one', (_, own, others, both) => {
    const machine = backup();
    configured(machine, { ...OTHER, configHash: own });
    machine.hear('owns', A5, announced(own));
    machine.step({ type: 'identity-persisted', configHash: own });
    machine.hear('owns', A5, joint(others));
    // The lower one is said until the higher one is on disk.
    expect(machine.claim().next).toEqual({ configHash: own, joint: true });
    machine.step({ type: 'identity-persisted', configHash: both });
    expect(machine.claim()).toMatchObject(own === both ? joint(both) : { configHash: both, generation: 1 });
    machine.hear('owns', A5, joint(both));
    expect(machine.claim()).toMatchObject({ configHash: both, generation: 1 });
  });

  test('bias_promise under the same hash counts at once, and in the new identity as soon as that does', () => {
    const bias = (promiseMs: number): MemberConfig => ({ ...OTHER, policy: { name: 'bias', promiseMs } });
    const same = backup({ ...OTHER });
    configured(same, bias(30_000));
    expect([same.state.config.policy, same.state.change]).toEqual([{ name: 'bias', promiseMs: 30_000 }, undefined]);
    const machine = jointBackup();
    configured(machine, bias(30_000));
    machine.hear('owns', A5, joint());
    expect(machine.state.config).toMatchObject({ configHash: LOW, policy: { name: 'bias', promiseMs: 30_000 } });
    expect(lastRecord(machine)?.agreed.policy).toEqual({ name: 'bias', promiseMs: 30_000 });
  });

  test('settings that are no part of the identity count at once in every stage', () => {
    const machine = jointBackup();
    configured(machine, { ...OTHER, intervalUs: INTERVAL_US / 4 });
    expect(machine.state.config).toMatchObject({ configHash: HASH, witness: false, intervalUs: INTERVAL_US / 4 });
    expect(machine.claim().next).toEqual({ configHash: LOW, joint: true });
  });
});

describe('a restart', () => {
  const found = (record: IdentityRecord): FoundAtStart => ({ ...RECENT_BOOT, identity: record });

  test('with nothing written down goes by what is configured', () => {
    expect(new Machine(OTHER, RECENT_BOOT).claim()).toMatchObject({ configHash: LOW });
  });

  test('with another configuration goes by the identity of before, and announces the new one', () => {
    const machine = backup(OTHER, found({ generation: 3, agreed: FIRST, joint: undefined }));
    machine.hear('owns', A5, { generation: 3 });
    expect(machine.claim()).toMatchObject({ configHash: HASH, generation: 3, ...announced() });
  });

  test('of a joint node is joint, for whatever it is configured', () => {
    for (const config of [CONFIG, OTHER, { ...OTHER, configHash: HIGH }]) {
      const machine = backup(config, found({ generation: 0, agreed: FIRST, joint: SECOND }));
      expect(machine.claim()).toMatchObject({ configHash: HASH, ...joint() });
      expect(machine.state.config.witness).toBe(false);
      machine.hear('owns', A5, joint());
      expect(machine.claim()).toMatchObject({ configHash: LOW, generation: 1 });
      expect(machine.state.config.witness).toBe(config === OTHER);
    }
  });

  test('with the identity of before, configured in another way, goes by that', () => {
    const policy = { name: 'bias', promiseMs: 30_000 } as const;
    const agreed = { ...SECOND, witness: false };
    const machine = backup({ ...OTHER, policy }, found({ generation: 1, agreed, joint: undefined }));
    expect(machine.state.config).toMatchObject({ configHash: LOW, witness: true, policy });
  });

  test('after the last step goes by the new identity, with its number', () => {
    const machine = backup(OTHER, found({ generation: 1, agreed: SECOND, joint: undefined }));
    expect(machine.claim()).toMatchObject({ configHash: LOW, generation: 1 });
  });

  test('that has lost its number takes the others’, so that what they say of a change is not taken for a later one’s', () => {
    const machine = backup();
    machine.hear('owns', A5, { generation: 3, ...joint(HIGH) });
    configured(machine, OTHER);
    machine.step({ type: 'identity-persisted', configHash: LOW });
    expect(machine.claim()).toMatchObject({ configHash: HASH, generation: 3 });
    machine.step({ type: 'identity-persisted', configHash: HIGH });
    machine.step({ type: 'tick' });
    machine.step({ type: 'tick' });
    expect(machine.claim()).toMatchObject({ configHash: HIGH, generation: 4, ...announced() });
  });
});

describe('numbers', () => {
  test('whoever begins where another one is still on its way to is one change ahead of that', () => {
    const machine = backup(OTHER);
    machine.hear('none', A5, { generation: 2, ...announced() });
    expect(machine.claim()).toMatchObject({ configHash: LOW, generation: 3 });
  });

  test('a joint node keeps the number that it has written down, and no higher one of an old identity counts', () => {
    const machine = jointBackup();
    machine.hear('none', A5, { generation: 3 });
    expect(machine.claim()).toMatchObject({ configHash: HASH, ...joint() });
    expect(machine.state.generation).toBe(0);
  });

  test('nor has a peer announced anything that goes by a third one with a higher number', () => {
    const machine = backup();
    configured(machine, OTHER);
    machine.hear('none', A5, { configHash: HIGH, generation: 3 });
    expect(machine.told('persist-identity')).toEqual([]);
    machine.hear('none', A5, { configHash: LOW, generation: 3 });
    expect(machine.told('persist-identity')).toHaveLength(1);
  });

  test('what was said during the way there means nothing on the way back', () => {
    const machine = jointBackup();
    machine.hear('owns', A5, joint());
    configured(machine, CONFIG);
    machine.hear('owns', A5, { configHash: LOW, generation: 1, ...announced(HASH) });
    machine.step({ type: 'identity-persisted', configHash: HASH });
    // Delayed since before the way there.
    machine.hear('none', A5, joint(HASH));
    machine.hear('none', A5);
    expect(machine.claim()).toMatchObject({ configHash: LOW, generation: 1, ...joint(HASH) });
    machine.hear('owns', A5, { configHash: LOW, generation: 1, ...joint(HASH) });
    expect(machine.claim()).toMatchObject({ configHash: HASH, generation: 2 });
  });
});

describe('in a simulated world, whose monitor looks at every step', () => {
  const WITH_X: GroupIdentity = { configHash: LOW, witness: 'x', policy: { name: 'safe' } };
  const BIASED: GroupIdentity = { configHash: HIGH, witness: 'w', policy: { name: 'bias', promiseMs: 20_000 } };

  function settled(options: Partial<WorldOptions> = {}): World {
    const world = new World({ seed: 7, intervalUs: 250_000, otherIdentities: [WITH_X, BIASED], ...options });
    world.settle();
    expect(world.owner).toBe('a');
    return world;
  }

  function hashes({ agents }: World): (string | undefined)[] {
    return agents.map(({ state }) => state?.config.configHash);
  }

  function configureAll(world: World, identity: GroupIdentity): void {
    for (const agent of world.agents) {
      agent.configure(identity);
      world.runFor(SECOND_US);
    }
    world.runFor(SECOND_US);
    expect(new Set(hashes(world))).toEqual(new Set([identity.configHash]));
  }

  test.each([2, 3, 4, 5])('%i agents go to another witness and back; nobody notices', (agents) => {
    const world = settled({ agents });
    const [first] = world.identities;
    for (const identity of [WITH_X, first, BIASED, WITH_X, first]) configureAll(world, identity);
    expect([world.owner, world.monitor.moves, world.monitor.ownerships.length]).toEqual(['a', 0, 1]);
    expect(world.a.state?.generation).toBe(5);
  });

  test('the new witness breaks the tie after it, and the old one does not', () => {
    const world = settled();
    configureAll(world, WITH_X);
    world.cutBoth('b', 'x');
    world.a.crash();
    world.runFor(15 * SECOND_US);
    expect(world.owner).toBeUndefined();
    world.mendBoth('b', 'x');
    world.runFor(2 * SECOND_US);
    expect([world.owner, world.witnesses.get('x')?.holder('edge'), world.witness.holder('edge')]).toEqual([
      'b',
      'b',
      undefined,
    ]);
  });

  test('with a peer away nothing changes, and its witness goes on to count', () => {
    const world = settled();
    world.a.crash();
    world.runFor(2 * SECOND_US);
    expect(world.owner).toBe('b');
    world.b.configure(WITH_X);
    world.runFor(20 * SECOND_US);
    expect([world.owner, world.witness.holder('edge'), world.b.state?.change?.stage]).toEqual(['b', 'b', 'announced']);
    world.a.start(WITH_X);
    world.runFor(2 * SECOND_US);
    expect([world.owner, ...hashes(world)]).toEqual(['b', LOW, LOW]);
  });

  test('the survivor of a departure waits for the leaver, and owns on by its vote (L17)', () => {
    const world = settled();
    world.b.stop('depart');
    world.runFor(4 * SECOND_US);
    world.a.configure(WITH_X);
    world.cutBoth('a', 'w');
    world.runFor(20 * SECOND_US);
    expect([world.owner, world.a.state?.change?.stage]).toEqual(['a', 'announced']);
    world.b.start(WITH_X);
    world.runFor(15 * SECOND_US);
    expect([world.owner, ...hashes(world), world.monitor.moves]).toEqual(['a', LOW, LOW, 0]);
    world.cutBoth('a', 'b');
    world.runFor(10 * SECOND_US);
    expect([world.owner, world.witnesses.get('x')?.holder('edge')]).toEqual(['a', 'a']);
  });

  test('one that starts anew while it is joint, configured for the old one again, goes through with it', () => {
    const world = settled();
    world.a.configure(WITH_X);
    world.b.configure(WITH_X);
    const isJoint = ({ state }: World['a']): boolean => state?.change?.stage === 'joint';
    world.runUntil(() => world.agents.some(isJoint), SECOND_US, 10);
    world.cutBoth('a', 'b');
    const node = world.agents.find(isJoint);
    node?.crash();
    node?.start(world.identities[0]);
    world.mendBoth('a', 'b');
    expect(node && isJoint(node)).toBe(true);
    world.runFor(15 * SECOND_US);
    expect([hashes(world), node?.state?.config.witness]).toEqual([[LOW, LOW], false]);
    expect(world.owner).toBeDefined();
  });
});
