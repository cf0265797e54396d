import { readRequest, WitnessRequest } from '@tiebreak/shared/wire';
import fc from 'fast-check';
import { expect, it } from 'vitest';

const VOTE = {
  type: 'vote',
  group: 'edge',
  ballot: { counter: 7, node: 'a' },
  promise_ms: 5_000,
  config_hash: '0123456789abcdef',
  sequence: 12,
  incarnation: 3,
  stamp_ms: 1_764_000_000_000,
  stamp_age_ms: 40,
  serial: 9,
};
const FIELDS = Object.keys(VOTE);

const ODD = [
  0,
  -0,
  -1,
  1,
  0.5,
  10_000,
  10_001,
  2 ** 48,
  2 ** 48 + 1,
  2 ** 53 - 1,
  2 ** 53,
  null,
  true,
  '',
  '5',
  [],
  {},
];
const WORDS = ['a', 'A', '-a', 'a.', 'a'.repeat(63), 'a'.repeat(64), 'edge\n', '0123456789abcdeF', '0123456789abcdef0'];
const TYPES = ['vote', 'release', 'hello', 'rehearsal'];
const strange = fc.oneof(fc.constantFrom(...ODD, ...WORDS, ...TYPES), fc.jsonValue());

const ballot = fc.oneof(
  fc.record({ counter: strange, node: strange }),
  fc.record({ counter: fc.nat(), node: fc.string({ maxLength: 70 }) }),
  fc.record({ counter: fc.constant(1), node: fc.constant('a'), more: strange }),
  fc.record({ counter: fc.constant(1), node: fc.constant('a') }, { requiredKeys: ['node'] }),
);

/** A vote with one or two things that are not as they should be, or that are so after all. */
const nearlyVote = fc
  .record({
    changed: fc.dictionary(fc.constantFrom(...FIELDS), strange, { maxKeys: 2 }),
    ballot: fc.option(ballot),
    added: fc.dictionary(fc.constantFrom('more', 'constructor', 'toString', '__proto__'), strange, { maxKeys: 1 }),
    missing: fc.option(fc.constantFrom(...FIELDS), { freq: 4 }),
  })
  .map(({ changed, ballot, added, missing }) => {
    const fields = { ...VOTE, ...(ballot === null ? {} : { ballot }), ...changed, ...added };
    return Object.fromEntries(Object.entries(fields).filter(([name]) => name !== missing));
  });

it('reads a vote as the schema does, whatever is wrong with it', () => {
  const both = (value: unknown) => {
    const parsed: unknown = JSON.parse(JSON.stringify(value));
    const read = WitnessRequest.safeParse(parsed);
    expect(readRequest(parsed)).toEqual(read.success ? read.data : null);
  };
  both(VOTE);
  for (const field of FIELDS) for (const value of [...ODD, ...WORDS]) both({ ...VOTE, [field]: value });
  for (const counter of ODD) both({ ...VOTE, ballot: { counter, node: 'a' } });
  for (const node of [...ODD, ...WORDS]) both({ ...VOTE, ballot: { counter: 1, node } });
  fc.assert(fc.property(nearlyVote, both), { numRuns: 2_000 });
});

it('asks the schema about nothing that a vote is made of', () => {
  expect(readRequest(VOTE)).toBe(VOTE);
});

it('leaves everything else to the schema', () => {
  const { type, group, ballot, promise_ms, config_hash, ...envelope } = VOTE;
  const release = { type: 'release', group, ballot, ...envelope };
  expect(readRequest(release)).toEqual(release);
  expect(readRequest({ type: 'rehearsal', ...envelope, promise_ms })).toBeNull();
  for (const nothing of [undefined, null, 5, 'vote', [], [VOTE]]) expect(readRequest(nothing)).toBeNull();
});
