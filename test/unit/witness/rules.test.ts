import { NEW_WITNESS } from '@tiebreak/shared/lease';
import type { WitnessRequest } from '@tiebreak/shared/wire';
import { describe, expect, it } from 'vitest';
import { Disk, envelope, HASH, Instance, release, vote } from './instance.ts';

const T0 = 1_800_000_000_000;
const TTL_MAX_MS = 10_000;

function fresh(): Instance {
  return new Instance(new Disk(), T0);
}

describe('one register for each group (L1)', () => {
  it('binds the witness to its holder towards everyone, until the promise ends', () => {
    const witness = fresh();
    expect(witness.ask('a', vote(witness, 'a', 1))).toEqual({
      kind: 'granted',
      group: 'edge',
      ballot: { counter: 1, node: 'a' },
      promise_ms: 5_000,
    });
    witness.pass(4_999);
    expect(witness.ask('b', vote(witness, 'b', 9))).toEqual({
      kind: 'refused',
      group: 'edge',
      reason: 'bound',
      remaining_ms: 1,
      highest: { counter: 1, node: 'a' },
      holder: 'a',
    });
    witness.pass(1);
    expect(witness.freed).toEqual(['edge']);
    expect(witness.ask('b', vote(witness, 'b', 9)).kind).toBe('granted');
  });

  it('keeps groups apart', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 1));
    expect(witness.ask('b', { ...vote(witness, 'b', 1), group: 'inside' }).kind).toBe('granted');
  });

  it('a renewal counts from its own receipt and never shortens what was promised', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 1, 5_000));
    witness.pass(1_000);
    witness.ask('a', vote(witness, 'a', 1, 1_000));
    expect(witness.ask('b', vote(witness, 'b', 2))).toMatchObject({ remaining_ms: 4_000 });
    witness.ask('a', vote(witness, 'a', 1, 5_000));
    expect(witness.ask('b', vote(witness, 'b', 2))).toMatchObject({ remaining_ms: 5_000 });
    witness.pass(4_999);
    expect(witness.ask('b', vote(witness, 'b', 2)).kind).toBe('refused');
    witness.pass(1);
    expect(witness.ask('b', vote(witness, 'b', 2)).kind).toBe('granted');
  });

  it('a holder that renews for hours has one timer', () => {
    const witness = fresh();
    for (let count = 0; count < 100; count += 1) {
      witness.ask('a', vote(witness, 'a', 1));
      witness.pass(1_000);
    }
    expect(witness.timersPending).toBe(1);
  });
});

describe('ballots (L5, L10)', () => {
  it('refuses one below the highest granted, and says which that is', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 5, 100));
    witness.pass(100);
    expect(witness.ask('b', vote(witness, 'b', 4))).toMatchObject({
      reason: 'lower_ballot',
      remaining_ms: 0,
      highest: { counter: 5, node: 'a' },
      holder: null,
    });
    expect(witness.ask('b', vote(witness, 'b', 5)).kind).toBe('granted');
  });

  it('never refuses the live holder its own ballot because someone asked for more', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 5));
    witness.ask('b', vote(witness, 'b', 99));
    expect(witness.ask('a', vote(witness, 'a', 5)).kind).toBe('granted');
  });

  it('lets the holder raise its ballot, not lower it', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 5));
    expect(witness.ask('a', vote(witness, 'a', 8)).kind).toBe('granted');
    expect(witness.ask('a', vote(witness, 'a', 5))).toMatchObject({ reason: 'lower_ballot', highest: { counter: 8 } });
  });

  it('a vote that merely ran out may be had again at the same ballot', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 5, 100));
    witness.pass(100);
    expect(witness.ask('a', vote(witness, 'a', 5)).kind).toBe('granted');
  });

  it('a released ballot never lives again, also when it was never granted here', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 5));
    expect(witness.ask('a', release(witness, 'a', 5))).toEqual({ kind: 'released', group: 'edge' });
    expect(witness.ask('a', vote(witness, 'a', 5))).toMatchObject({ reason: 'lower_ballot' });
    witness.ask('a', release(witness, 'a', 7));
    expect(witness.ask('a', vote(witness, 'a', 7))).toMatchObject({ reason: 'lower_ballot' });
    const woken = new Instance(witness.disk, T0);
    expect(woken.ask('a', vote(woken, 'a', 7))).toMatchObject({ reason: 'lower_ballot' });
    expect(woken.ask('a', vote(woken, 'a', 8)).kind).toBe('granted');
  });

  it('a release frees its own vote at once, and tells the others', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 5));
    witness.ask('a', release(witness, 'a', 6));
    expect(witness.freed).toEqual(['edge']);
    expect(witness.timersPending).toBe(0);
    expect(witness.ask('b', vote(witness, 'b', 6)).kind).toBe('granted');
  });

  it('a release frees nobody else, and nothing newer than it names', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 5));
    expect(witness.ask('b', release(witness, 'b', 9))).toMatchObject({ reason: 'bound', holder: 'a' });
    expect(witness.ask('a', release(witness, 'a', 4))).toMatchObject({ reason: 'lower_ballot' });
    expect(witness.ask('b', vote(witness, 'b', 9))).toMatchObject({ reason: 'bound' });
  });

  it('is for the node that the ballot names', () => {
    const witness = fresh();
    expect(witness.ask('b', vote(witness, 'a', 1))).toMatchObject({ reason: 'unknown_node' });
    witness.ask('a', vote(witness, 'a', 1));
    expect(witness.ask('b', release(witness, 'a', 1))).toMatchObject({ reason: 'unknown_node' });
    expect(witness.ask('c', vote(witness, 'c', 2))).toMatchObject({ reason: 'bound', holder: 'a' });
  });
});

describe('instances (L12)', () => {
  it('one that finds the vote held gives it to others only TTL_MAX after its own start', () => {
    const before = fresh();
    before.ask('a', vote(before, 'a', 1, 1));
    const witness = new Instance(before.disk, T0 + 86_400_000);
    expect(witness.ask('b', vote(witness, 'b', 2))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
    witness.pass(TTL_MAX_MS - 1);
    expect(witness.ask('b', vote(witness, 'b', 2))).toMatchObject({ reason: 'recovering', remaining_ms: 1 });
    witness.pass(1);
    expect(before.disk.registers.get('edge')).toMatchObject({ kind: 'free' });
    expect(witness.ask('b', vote(witness, 'b', 2)).kind).toBe('granted');
  });

  it('one that finds it free grants at once', () => {
    const before = fresh();
    before.ask('a', vote(before, 'a', 1));
    before.ask('a', release(before, 'a', 1));
    const witness = new Instance(before.disk, T0);
    expect(witness.ask('b', vote(witness, 'b', 2)).kind).toBe('granted');
  });

  it('one that finds it held renews the holder at once, still bound for what a former one may have promised', () => {
    const before = fresh();
    before.ask('a', vote(before, 'a', 1, 10_000));
    const witness = new Instance(before.disk, T0);
    expect(witness.ask('a', vote(witness, 'a', 1, 10)).kind).toBe('granted');
    witness.wallMs += 60_000;
    witness.pass(9_999);
    expect(witness.ask('b', vote(witness, 'b', 2)).kind).toBe('refused');
    witness.pass(1);
    expect(witness.ask('b', vote(witness, 'b', 2)).kind).toBe('granted');
  });

  it('a forward jump of the wall clock frees nothing: the timer is still out', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 1));
    witness.wallMs += 3_600_000;
    expect(witness.ask('b', vote(witness, 'b', 2))).toMatchObject({ reason: 'bound', remaining_ms: 20 });
    witness.pass(4_999);
    expect(witness.ask('b', vote(witness, 'b', 2)).kind).toBe('refused');
    witness.pass(1);
    expect(witness.ask('b', vote(witness, 'b', 2)).kind).toBe('granted');
  });

  it('a backward jump costs at most TTL_MAX: the timer alone frees nothing, and nothing is bound for ever', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 1));
    witness.wallMs -= 3_600_000;
    witness.pass(5_000);
    expect(witness.ask('b', vote(witness, 'b', 2))).toMatchObject({ reason: 'bound', remaining_ms: TTL_MAX_MS });
    witness.pass(TTL_MAX_MS);
    expect(witness.ask('b', vote(witness, 'b', 2)).kind).toBe('granted');
  });
});

describe('the order and freshness of requests (L13)', () => {
  it('a repeated request gets the stored reply, unextended', () => {
    const witness = fresh();
    const request = vote(witness, 'a', 1);
    const first = witness.ask('a', request);
    witness.pass(1_900);
    expect(witness.ask('a', request)).toEqual(first);
    expect(witness.ask('b', vote(witness, 'b', 2))).toMatchObject({ remaining_ms: 3_100 });
    expect(witness.voter.serial).toBe(1);
  });

  it('a repeated request gets the stored reply of a former instance', () => {
    const before = fresh();
    const request = vote(before, 'a', 1);
    const first = before.ask('a', request);
    const witness = new Instance(before.disk, T0);
    expect(witness.ask('a', request)).toEqual(first);
    expect(witness.voter.serial).toBe(1);
  });

  it('an older request is stale, so is another one under the same number', () => {
    const witness = fresh();
    const old = vote(witness, 'a', 1);
    const latest = vote(witness, 'a', 1);
    witness.ask('a', latest);
    expect(witness.ask('a', old)).toMatchObject({ reason: 'stale' });
    expect(witness.ask('a', { ...latest, group: 'inside' })).toMatchObject({ reason: 'stale', group: 'inside' });
    expect(witness.ask('a', { ...latest, ballot: { counter: 2, node: 'a' } })).toMatchObject({ reason: 'stale' });
    expect(witness.ask('a', { ...vote(witness, 'a', 1), incarnation: 0 })).toMatchObject({ reason: 'stale' });
    expect(witness.ask('a', { ...old, incarnation: 2 }).kind).toBe('granted');
  });

  it.each([
    [2_000, 'granted'],
    [2_001, 'refused'],
    [-2_000, 'granted'],
    [-2_001, 'refused'],
  ])('a request whose stamp is off by %d ms is %s', (offMs, kind) => {
    const witness = fresh();
    expect(witness.ask('a', { ...vote(witness, 'a', 1), stamp_ms: T0 - offMs }).kind).toBe(kind);
  });

  it('the age of the stamp counts', () => {
    const witness = fresh();
    const request = { ...vote(witness, 'a', 1), stamp_ms: T0 - 600_000, stamp_age_ms: 600_000 };
    expect(witness.ask('a', request).kind).toBe('granted');
  });

  it('hello needs neither order nor stamp', () => {
    const witness = fresh();
    const numbers = { ...envelope(witness), stamp_ms: 0, sequence: 0 };
    const hello: WitnessRequest = { type: 'hello', protocols: [1], groups: [], ...numbers };
    expect(witness.ask('a', hello)).toEqual({ kind: 'welcome', protocol: 1 });
    expect(witness.ask('a', hello)).toEqual({ kind: 'welcome', protocol: 1 });
  });

  it('a rehearsal is stored, counts in the order, and decides nothing', () => {
    const witness = fresh();
    const old = vote(witness, 'a', 1);
    const rehearsal = { type: 'rehearsal', ...envelope(witness) } as const;
    expect(witness.ask('a', rehearsal)).toEqual({ kind: 'rehearsed' });
    expect(witness.disk.answers.get('a')).toMatchObject({ sequence: rehearsal.sequence });
    expect(witness.ask('a', old)).toMatchObject({ reason: 'stale' });
    expect(witness.disk.registers.size).toBe(0);
  });

  it('a rehearsal below the last request writes as well, and changes nothing: so an operator may measure while no agent runs', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 1));
    const decided = witness.disk.answers.get('a');
    expect(decided).toBeDefined();
    witness.disk.answers.clear();
    expect(witness.ask('a', { type: 'rehearsal', ...envelope(witness), incarnation: 0 })).toEqual({
      kind: 'rehearsed',
    });
    expect(witness.disk.answers.get('a')).toEqual(decided);
    expect(witness.voter.answers.get('a')).toEqual(decided);
  });
});

describe('the grant serial (L14)', () => {
  it('counts grants, across instances', () => {
    const before = fresh();
    before.ask('a', vote(before, 'a', 1));
    before.ask('a', vote(before, 'a', 1));
    before.ask('a', release(before, 'a', 1));
    const witness = new Instance(before.disk, T0);
    witness.ask('b', vote(witness, 'b', 2));
    expect(witness.voter.serial).toBe(3);
  });

  it('above its own means that storage was lost: nobody gets the vote for TTL_MAX, not even the stored holder', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 1));
    const rolledBack = witness.disk.copy();
    witness.ask('a', release(witness, 'a', 1));
    witness.ask('b', vote(witness, 'b', 2));
    const later = new Instance(rolledBack, T0);
    const serial = witness.voter.serial;
    expect(later.ask('b', { type: 'rehearsal', ...envelope(later, serial) })).toEqual({ kind: 'rehearsed' });
    expect(later.ask('a', vote(later, 'a', 1))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
    expect(later.ask('b', vote(later, 'b', 2, 5_000, serial))).toMatchObject({ reason: 'recovering' });
    later.pass(TTL_MAX_MS - 1);
    expect(later.ask('b', vote(later, 'b', 3)).kind).toBe('refused');
    later.pass(1);
    expect(later.ask('b', vote(later, 'b', 3)).kind).toBe('granted');
    expect(later.voter.serial).toBe(serial + 1);
  });

  it('the wait starts again in full in the next instance', () => {
    const witness = fresh();
    witness.ask('a', { type: 'rehearsal', ...envelope(witness, 7) });
    witness.pass(9_999);
    const next = new Instance(witness.disk, witness.wallMs);
    next.pass(9_999);
    expect(next.ask('a', vote(next, 'a', 1))).toMatchObject({ reason: 'recovering', remaining_ms: 1 });
    next.pass(1);
    expect(next.disk.recovering).toBe(false);
    expect(next.ask('a', vote(next, 'a', 1)).kind).toBe('granted');
  });

  it('one whose storage is new waits as well, in full in each instance, though nobody shows it a later serial', () => {
    const disk = new Disk();
    disk.recovering = NEW_WITNESS.recovering;
    const witness = new Instance(disk, T0);
    expect(witness.ask('b', vote(witness, 'b', 1))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
    witness.pass(9_999);
    const next = new Instance(disk, witness.wallMs);
    expect(next.ask('b', vote(next, 'b', 1))).toMatchObject({ reason: 'recovering', remaining_ms: TTL_MAX_MS });
    next.pass(TTL_MAX_MS);
    expect(next.ask('b', vote(next, 'b', 1)).kind).toBe('granted');
    const last = new Instance(disk, next.wallMs);
    expect(last.ask('b', vote(last, 'b', 1)).kind).toBe('granted');
  });

  it('a higher ballot alone means nothing of the kind', () => {
    const witness = fresh();
    expect(witness.ask('a', vote(witness, 'a', 1_000_000)).kind).toBe('granted');
  });

  it('at its own serial, or below, all is well', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 1));
    expect(witness.ask('a', vote(witness, 'a', 1, 5_000, 1)).kind).toBe('granted');
  });
});

describe('configuration (L16)', () => {
  const OTHER = 'fedcba9876543210';

  it('refuses a vote while another node reports another configuration of the group', () => {
    const witness = fresh();
    expect(witness.ask('a', vote(witness, 'a', 1), [HASH, OTHER])).toMatchObject({ reason: 'config_mismatch' });
    expect(witness.ask('a', vote(witness, 'a', 1), [HASH]).kind).toBe('granted');
  });

  it('the holder keeps its vote, as long as its own configuration is the one that got it', () => {
    const witness = fresh();
    witness.ask('a', vote(witness, 'a', 1));
    expect(witness.ask('a', vote(witness, 'a', 1), [OTHER]).kind).toBe('granted');
    const changed = { ...vote(witness, 'a', 1), config_hash: '1111111111111111' };
    expect(witness.ask('a', changed, [OTHER])).toMatchObject({ reason: 'config_mismatch' });
  });
});
