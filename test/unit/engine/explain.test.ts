import { type Cause, type MemberConfig, type Role, startMember } from '@tiebreak/shared/lease';
import { describe, expect, test } from 'vitest';
import { countHeld, explainPeer, explainTransition, votesOf } from '../../../agent/engine/explain.ts';

const CONFIG: MemberConfig = {
  node: 'b',
  group: 'edge',
  peers: ['a'],
  witness: true,
  policy: { name: 'safe' },
  intervalUs: 100_000,
  priority: 100,
  skewUs: 50_000,
  preemptDelayUs: undefined,
  standNotBeforeUs: 0,
  settings: '000000bb',
  configHash: '00000000000000aa',
  guardUs: 20_000,
  usedCounter: 0,
  seed: 1,
};
const BALLOT = { counter: 5, node: 'b' };
const BACKUP: Role = {
  name: 'backup',
  standAtUs: 0,
  heardAtUs: undefined,
  standBecause: 'down_timer',
  superiorSinceUs: undefined,
  wants: false,
  goesOnAtUs: undefined,
  ready: undefined,
};
const CANDIDATE: Role = {
  name: 'candidate',
  ballot: BALLOT,
  sinceUs: 0,
  untilUs: 250_000,
  opening: false,
  aloneAtUs: 0,
  alone: false,
};

function told(from: Role['name'], role: Role, cause: Cause) {
  const state = { ...startMember(CONFIG, 0), role };
  return explainTransition(state, { type: 'transition', from, to: role.name, cause }, votesOf(state, 0, true), 0);
}

/** Each cause with the change of role that it comes with, and the sentence that it becomes. */
const SENTENCES: readonly [Role['name'], Role, Cause, string][] = [
  ['initialize', BACKUP, 'quarantine_over', 'every promise of an earlier run has run out'],
  ['backup', CANDIDATE, 'down_timer', 'nothing was heard of an owner until the down timer fired'],
  ['backup', CANDIDATE, 'transferred', 'the owner has closed its fence and handed over to this node'],
  ['backup', CANDIDATE, 'released', 'the owner has closed its fence and released the votes'],
  ['candidate', BACKUP, 'votes_missing', 'no majority in time; what was granted is given back'],
  ['candidate', BACKUP, 'owner_heard', 'another node owns the group'],
  ['closing', BACKUP, 'fence_refused', 'the kernel did not open the fence; what was granted is given back'],
  ['closing', BACKUP, 'fence_lost', 'the kernel did not confirm the fence'],
  ['closing', BACKUP, 'lease_ended', 'the votes ran out and the kernel has closed the fence'],
  ['closing', BACKUP, 'higher_ballot', 'another node owns the group with a higher ballot'],
  ['initialize', BACKUP, 'register_restored', 'the votes of an earlier run bind on as they were recorded'],
  ['backup', CANDIDATE, 'forced', 'an operator has forced the takeover'],
  ['candidate', BACKUP, 'outbid', 'another node stands with a higher ballot; what was granted is given back'],
  ['closing', { name: 'leaving', untilUs: 0, departs: false }, 'stop', 'the agent is stopping'],
  ['backup', { name: 'leaving', untilUs: 0, departs: true }, 'stop', 'the agent is stopping'],
  ['leaving', { name: 'stopped' }, 'left', 'the agent has left'],
];

describe('what the log says at 03:12', () => {
  test.each(SENTENCES)('%s -> $1.name because of %s', (from, role, cause, sentence) => {
    const { text, fields } = told(from, role, cause);
    expect(text).toContain(`edge: ${from} -> ${role.name}: ${sentence} (ballot `);
    expect(fields).toMatchObject({ group: 'edge', from, to: role.name, cause, votes_needed: 2 });
  });

  test('a line has what changed, why, the ballot, every vote, and what happens next', () => {
    expect(told('backup', CANDIDATE, 'down_timer').text).toBe(
      'edge: backup -> candidate: nothing was heard of an owner until the down timer fired (ballot 5.b, 0 of 2 votes: b free, a unreachable, witness free); it asks the other voters',
    );
  });

  test('changes of owner stand out; the ways in between do not', () => {
    const active: Role = {
      name: 'active',
      ballot: BALLOT,
      standingSinceUs: 0,
      sinceUs: 0,
      fenceExpiresAtUs: 100_000,
      fenceOpenUntilUs: 100_000,
      restsOnWitness: false,
      refreshNotBeforeUs: 0,
      advertiseAtUs: 100_000,
      invitation: undefined,
    };
    expect(told('candidate', active, 'votes_complete').level).toBe('warn');
    expect(told('closing', BACKUP, 'higher_ballot').level).toBe('warn');
    expect(told('backup', CANDIDATE, 'down_timer').level).toBe('debug');
    expect(told('initialize', BACKUP, 'quarantine_over').level).toBe('info');
  });
});

describe('the loss of a peer', () => {
  const active: Role = {
    name: 'active',
    ballot: BALLOT,
    standingSinceUs: 0,
    sinceUs: 0,
    fenceExpiresAtUs: 100_000,
    fenceOpenUntilUs: 100_000,
    restsOnWitness: false,
    refreshNotBeforeUs: 0,
    advertiseAtUs: 100_000,
    invitation: undefined,
  };
  const departed = { vote: { voter: 'a', departure: { counter: 9, node: 'a' }, counts: true }, asked: undefined };

  test.each<[string, Partial<MemberConfig>, boolean, string]>([
    ['with a witness', {}, false, "keeps the addresses by the witness's vote, as long as it gets it"],
    ['with two more agents', { peers: ['a', 'c'] }, false, 'keeps the addresses as long as it gets a majority'],
    ['under policy available', { policy: { name: 'available' } }, false, 'with a majority or without'],
    [
      'that has left its vote',
      {},
      true,
      'it has left its vote to this node, which keeps the addresses until it is back',
    ],
  ])('%s', (_, config, left, consequence) => {
    const state = { ...startMember({ ...CONFIG, ...config }, 0), role: active };
    expect(explainPeer(left ? { ...state, departed } : state, 'a', false).text).toContain(consequence);
  });
});

describe('the votes as a person reads them', () => {
  const state = { ...startMember(CONFIG, 0), role: BACKUP };

  test('a peer: granted, bound elsewhere, quarantined, free or unreachable', () => {
    const base = startMember(CONFIG, 0).peers.a;
    if (base === undefined) throw new Error('a is a peer');
    const refused = (reason: 'bound' | 'quarantined' | 'lower_ballot') =>
      ({
        kind: 'refused',
        group: 'edge',
        ballot: BALLOT,
        reason,
        remainingMs: 200,
        highest: BALLOT,
      }) as const;
    const view = (more: Partial<typeof base>) => {
      const peers = { a: { ...base, heardAtUs: 0, verdictAtUs: 0, ...more } };
      return votesOf({ ...state, peers }, 100_000, true)[1];
    };
    expect(view({ voteUntilUs: 150_000 })).toEqual({ voter: 'a', state: 'granted', remainingMs: 50 });
    expect(view({ verdict: refused('bound') })).toEqual({ voter: 'a', state: 'bound_elsewhere', remainingMs: 100 });
    expect(view({ verdict: refused('quarantined') })).toEqual({ voter: 'a', state: 'quarantined', remainingMs: 100 });
    expect(view({ verdict: refused('lower_ballot') })).toEqual({ voter: 'a', state: 'free', remainingMs: null });
    expect(view({})).toEqual({ voter: 'a', state: 'free', remainingMs: null });
    expect(view({ heardAtUs: -100_000 })).toEqual({ voter: 'a', state: 'unreachable', remainingMs: null });
  });

  test('one that has departed, here or there; only that of a peer counts', () => {
    const departure = { counter: 9, node: 'a' };
    const left = { kind: 'departed', holder: 'a', ballot: BALLOT, departure } as const;
    const kept = { written: left, asked: undefined };
    const departed = { vote: { voter: 'a', departure, counts: true }, asked: undefined };
    const own = votesOf({ ...state, kept }, 0, true);
    expect(own[0]).toEqual({ voter: 'b', state: 'departed', remainingMs: null });
    expect(countHeld(own, 'b')).toBe(0);
    const peers = votesOf({ ...state, departed }, 0, true);
    expect(peers[1]).toEqual({ voter: 'a', state: 'departed', remainingMs: null });
    expect(countHeld(peers, 'b')).toBe(1);
    const back = { ...departed, vote: { ...departed.vote, counts: false } };
    expect(votesOf({ ...state, departed: back }, 0, true)[1]?.state).toBe('unreachable');
  });

  test('the witness has none where the number of agents is odd', () => {
    const three = { ...state, config: { ...CONFIG, peers: ['a', 'c'] } };
    expect(votesOf(three, 0, true).map(({ voter }) => voter)).toEqual(['b', 'a', 'c']);
  });

  test('the witness: granted, recovering, bound elsewhere, free or unreachable', () => {
    const view = (more: Partial<typeof state.witness>, reachable = true) =>
      votesOf({ ...state, witness: { ...state.witness, ...more } }, 0, reachable)[2]?.state;
    const refusal = (reason: string) => ({ reason, untilUs: 1000, holder: undefined });
    expect(view({ voteUntilUs: 1000 })).toBe('granted');
    expect(view({ voteUntilUs: 1000 }, false)).toBe('granted');
    expect(view({ refusal: refusal('recovering') })).toBe('quarantined');
    expect(view({ refusal: refusal('bound') })).toBe('bound_elsewhere');
    expect(view({ refusal: refusal('too_many_groups') })).toBe('unreachable');
    expect(view({})).toBe('free');
    expect(view({}, false)).toBe('unreachable');
  });
});
