import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Disk, Instance, release, vote } from './instance.ts';

const NODES = ['a', 'b', 'c'];
const T0 = 1_800_000_000_000;

type Step =
  | { do: 'vote'; node: string; raise: number; promiseMs: number }
  | { do: 'release'; node: string }
  | { do: 'pass'; ms: number }
  | { do: 'jump'; ms: number }
  | { do: 'restart'; awayMs: number };

const node = fc.constantFrom(...NODES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('vote' as const),
      node,
      raise: fc.nat(2),
      promiseMs: fc.integer({ min: 1, max: 10_000 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), node }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.oneof(fc.nat(500), fc.nat(12_000)) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('jump' as const), ms: fc.integer({ min: -20_000, max: 3_600_000 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const), awayMs: fc.nat(3_000) }) },
);

/** Runs the steps and checks that no vote is given while another node's promise, in real time, may still be believed. */
function run(steps: readonly Step[]): { granted: number } {
  let realMs = 0;
  let granted = 0;
  let witness = new Instance(new Disk(), T0);
  const promisedUntilMs = new Map<string, number>();
  const ballots = new Map<string, number>();
  for (const taken of steps) {
    switch (taken.do) {
      case 'vote': {
        const counter = Math.max(1, (ballots.get(taken.node) ?? 0) + taken.raise);
        ballots.set(taken.node, counter);
        const result = witness.ask(taken.node, vote(witness, taken.node, counter, taken.promiseMs));
        if (result.kind === 'refused') {
          if (result.reason === 'lower_ballot') ballots.set(taken.node, result.highest.counter);
          break;
        }
        granted += 1;
        for (const other of NODES) {
          if (other !== taken.node) expect(promisedUntilMs.get(other) ?? 0).toBeLessThanOrEqual(realMs);
        }
        promisedUntilMs.set(taken.node, Math.max(promisedUntilMs.get(taken.node) ?? 0, realMs + taken.promiseMs));
        break;
      }
      case 'release':
        if (witness.ask(taken.node, release(witness, taken.node, ballots.get(taken.node) ?? 0)).kind === 'released') {
          promisedUntilMs.set(taken.node, realMs);
        }
        break;
      case 'pass':
        witness.pass(taken.ms);
        realMs += taken.ms;
        break;
      case 'jump':
        witness.wallMs += taken.ms;
        break;
      case 'restart':
        realMs += taken.awayMs;
        witness = new Instance(witness.disk, witness.wallMs + taken.awayMs);
        break;
    }
  }
  return { granted };
}

it('promises to two nodes never overlap, whatever is asked, restarted, or done to the wall clock (L1, L11, L12)', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => void run(steps)),
    { numRuns: 2_000 },
  );
});

it('whatever happened, nothing is bound for ever, and no timer stays pending (L12)', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const witness = new Instance(new Disk(), T0);
      let ballot = 1;
      for (const taken of steps) {
        if (taken.do === 'vote') {
          ballot += taken.raise;
          witness.ask(taken.node, vote(witness, taken.node, ballot, taken.promiseMs));
        } else if (taken.do === 'pass') witness.pass(taken.ms);
        else if (taken.do === 'jump') witness.wallMs += taken.ms;
      }
      witness.pass(20_000);
      expect(witness.timersPending).toBe(0);
      expect(witness.ask('d', vote(witness, 'd', ballot + 1)).kind).toBe('granted');
    }),
    { numRuns: 1_000 },
  );
});

it('an agent that believes a refusal gets the vote when it asks again then', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 10_000 }), fc.nat(10_000), fc.boolean(), (promiseMs, laterMs, restarted) => {
      let witness = new Instance(new Disk(), T0);
      witness.ask('a', vote(witness, 'a', 1, promiseMs));
      if (restarted) witness = new Instance(witness.disk, witness.wallMs);
      witness.pass(laterMs);
      const first = witness.ask('b', vote(witness, 'b', 2));
      if (first.kind !== 'refused') return;
      witness.pass(first.remaining_ms);
      expect(witness.ask('b', vote(witness, 'b', 3)).kind).toBe('granted');
    }),
  );
});
