import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Disk, Instance, release, vote } from './instance.ts';

const NODES = ['a', 'b', 'c'];
const T0 = 1_800_000_000_000;

type Step =
  | { do: 'vote'; node: string; raise: number; promiseMs: number; by: By }
  | { do: 'release'; node: string; by: By }
  | { do: 'repeat'; node: string; by: By }
  | { do: 'pass'; ms: number }
  | { do: 'jump'; ms: number }
  | { do: 'restart'; awayMs: number; supersedes: boolean };

/** Which instance hears it, while there are two: a former one may live on beside the one that has superseded it. */
type By = 'newest' | 'former';

const node = fc.constantFrom(...NODES);
const by = fc.constantFrom<By[]>('newest', 'newest', 'former');
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('vote' as const),
      node,
      raise: fc.nat(2),
      promiseMs: fc.integer({ min: 1, max: 10_000 }),
      by,
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), node, by }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('repeat' as const), node, by }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.oneof(fc.nat(500), fc.nat(12_000)) }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('jump' as const), ms: fc.integer({ min: -20_000, max: 3_600_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('restart' as const),
      awayMs: fc.nat(3_000),
      supersedes: fc.boolean(),
    }),
  },
);

type Sent = { readonly request: ReturnType<typeof vote>; readonly atMs: number };

/** Runs the steps and checks that no vote is given while another node's promise, in real time, may still be believed. */
class Run {
  granted = 0;
  byFormer = 0;
  #realMs = 0;
  #witness = new Instance(new Disk(), T0);
  #former: Instance | null = null;
  readonly #promisedUntilMs = new Map<string, number>();
  readonly #ballots = new Map<string, number>();
  readonly #sent = new Map<string, Sent>();

  take(step: Step): void {
    switch (step.do) {
      case 'vote': {
        const counter = Math.max(1, (this.#ballots.get(step.node) ?? 0) + step.raise);
        this.#ballots.set(step.node, counter);
        const request = vote(this.#witness, step.node, counter, step.promiseMs);
        this.#sent.set(step.node, { request, atMs: this.#realMs });
        this.#ask(step.node, step.by);
        return;
      }
      case 'repeat':
        this.#ask(step.node, step.by);
        return;
      case 'release': {
        const request = release(this.#witness, step.node, this.#ballots.get(step.node) ?? 0);
        this.#sent.delete(step.node);
        const result = this.#hearing(step.by).askWhileItLasts(step.node, request);
        if (result === null) this.#former = null;
        if (result?.kind === 'released') this.#promisedUntilMs.set(step.node, this.#realMs);
        return;
      }
      case 'pass':
        this.#witness.pass(step.ms);
        if (this.#former?.passWhileItLasts(step.ms) === false) this.#former = null;
        this.#realMs += step.ms;
        return;
      case 'jump':
        this.#witness.wallMs += step.ms;
        return;
      case 'restart': {
        const { disk, wallMs } = this.#witness;
        this.#former = step.supersedes ? this.#witness : null;
        if (this.#former?.passWhileItLasts(step.awayMs) === false) this.#former = null;
        this.#realMs += step.awayMs;
        this.#witness = new Instance(disk, wallMs + step.awayMs);
        return;
      }
    }
  }

  /** A node counts from when it has sent its request first, however often it repeats it (L2, L13). */
  #ask(node: string, by: By): void {
    const sent = this.#sent.get(node);
    if (sent === undefined) return;
    const hearing = this.#hearing(by);
    const result = hearing.askWhileItLasts(node, sent.request);
    if (result === null) this.#former = null;
    if (result?.kind === 'refused' && result.reason === 'lower_ballot') this.#ballots.set(node, result.highest.counter);
    if (result?.kind !== 'granted') return;
    this.granted += 1;
    if (hearing !== this.#witness) this.byFormer += 1;
    const untilMs = sent.atMs + result.promise_ms;
    if (untilMs <= this.#realMs) return;
    for (const other of NODES) {
      if (other !== node) expect(this.#promisedUntilMs.get(other) ?? 0).toBeLessThanOrEqual(this.#realMs);
    }
    this.#promisedUntilMs.set(node, Math.max(this.#promisedUntilMs.get(node) ?? 0, untilMs));
  }

  #hearing(by: By): Instance {
    return by === 'former' && this.#former !== null ? this.#former : this.#witness;
  }
}

it('promises to two nodes never overlap, whatever is asked, restarted, superseded, or done to the wall clock (L1, L11, L12)', () => {
  let [granted, byFormer] = [0, 0];
  fc.assert(
    fc.property(fc.array(step, { minLength: 5, maxLength: 60 }), (steps) => {
      const run = new Run();
      for (const taken of steps) run.take(taken);
      granted += run.granted;
      byFormer += run.byFormer;
    }),
    { numRuns: 2_000 },
  );
  // Or nothing was put to the test: a former instance that cannot write has only stored replies to give.
  expect(granted).toBeGreaterThan(1_000);
  expect(byFormer).toBeGreaterThan(0);
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
