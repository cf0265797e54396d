import type { Claim, FoundRegister, RegisterRecord } from '@tiebreak/shared/lease';
import { beforeEach, describe, expect, test } from 'vitest';
import { LastVote } from '../../../agent/guardian/last-vote.ts';

const GROUP = { id: 1, name: 'edge', configHash: '00000000000000aa', change: undefined };
const NOW_US = 60_000_000;
const OWN = { counter: 7, node: 'a' };
const RECORD: RegisterRecord = {
  holder: 'a',
  ballot: OWN,
  endUs: null,
  highestGranted: OWN,
  released: { counter: 6, node: 'b' },
};

let records: RegisterRecord[];
let recordable: boolean;
beforeEach(() => {
  records = [];
  recordable = true;
});

function voteOf(found: FoundRegister, promised = false): LastVote | undefined {
  const register = {
    found,
    record: (record: RegisterRecord) => {
      if (recordable) records.push(record);
      return recordable;
    },
  };
  return LastVote.of({
    group: GROUP,
    node: 'a',
    register,
    promised,
    mayUse: (counter) => counter <= 1000,
    nowUs: () => NOW_US,
  });
}

function ownVote(): LastVote {
  const vote = voteOf({ kind: 'recorded', record: RECORD });
  if (vote === undefined) throw new Error('the vote is the own one');
  return vote;
}

function claim(counter: number, changes: Partial<Claim> = {}): Claim {
  const ballot = { counter, node: 'b' };
  return {
    group: 'edge',
    kind: 'requests',
    ballot,
    configHash: GROUP.configHash,
    promiseMs: 625,
    priority: 100,
    settings: '000000bb',
    ...changes,
  };
}

describe('whose vote it is', () => {
  test.each<[string, FoundRegister]>([
    ['is promised to another node', { kind: 'recorded', record: { ...RECORD, holder: 'b' } }],
    ['is promised to nobody', { kind: 'recorded', record: { ...RECORD, holder: null } }],
    ['is not known', { kind: 'nothing' }],
    ['is not known in this boot', { kind: 'new_boot', uptimeUs: 1 }],
  ])('a vote that %s is left alone', (_what, found) => {
    expect(voteOf(found)).toBeUndefined();
  });

  test('a vote that state_dir may hold as promised beyond the restart is left alone, whatever the register says', () => {
    expect(voteOf({ kind: 'recorded', record: RECORD }, true)).toBeUndefined();
  });

  test("the own one is released at the dead engine's ballot", () => {
    expect(ownVote().released).toEqual(OWN);
  });
});

describe('to whom it is given', () => {
  test('to the first who asks, for PROMISE_MAX, and it is recorded to the end of that at least (L9)', () => {
    const vote = ownVote();
    expect(vote.judge('b', claim(8))).toMatchObject({ kind: 'granted', promiseMs: 10_000 });
    expect(vote.givenTo).toBe('b');
    const ballot = { counter: 8, node: 'b' };
    expect(records).toMatchObject([{ holder: 'b', ballot, highestGranted: ballot, released: OWN }]);
    expect(records[0]?.endUs).toBeGreaterThanOrEqual(NOW_US + 10_000_000);
  });

  test('to nobody else after that; to the same one again, whose answer may have been lost', () => {
    const vote = ownVote();
    vote.judge('b', claim(8));
    expect(vote.judge('c', claim(9, { ballot: { counter: 9, node: 'c' } }))).toBeUndefined();
    expect(vote.judge('b', claim(9))).toBeUndefined();
    expect(vote.judge('b', claim(8))).toMatchObject({ kind: 'granted' });
  });

  test.each<[string, Claim]>([
    ['who only owns, or is there', claim(8, { kind: 'owns' })],
    ['whose configuration votes by other rules (L16)', claim(8, { configHash: '00000000000000bb' })],
    ['at the released ballot, which never lives again (L5)', claim(7)],
    ['below it', claim(3)],
    ['at a ballot that cannot be recorded in state_dir (L10)', claim(1001)],
  ])('not to one %s', (_what, asked) => {
    const vote = ownVote();
    expect(vote.judge('b', asked)).toBeUndefined();
    expect(records).toEqual([]);
  });

  test('not if it cannot be recorded', () => {
    recordable = false;
    const vote = ownVote();
    expect(vote.judge('b', claim(8))).toBeUndefined();
    expect(vote.givenTo).toBeUndefined();
  });
});
