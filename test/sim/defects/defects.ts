import type { MemberEffect, MemberEvent, Verdict } from '@tiebreak/shared/lease';
import type { SeedOptions } from '../run-seed.ts';
import type { Tampering } from '../tampering.ts';

export type Defect = {
  readonly name: string;
  readonly what: string;
  readonly tampering: Tampering;
  /** the faults under which it shows */
  readonly mix?: Omit<SeedOptions, 'tampering' | 'recorded'>;
};

const PROMISE_INTERVALS = 2.5;

/** Turns a refusal into a vote that is given without being written into the register. */
function grantAnyway(effect: MemberEffect, promiseMs: number): MemberEffect {
  if (effect.type !== 'send-verdict' || effect.verdict.kind !== 'refused') return effect;
  const { group, ballot } = effect.verdict;
  return { ...effect, verdict: { kind: 'granted', group, ballot, promiseMs } };
}

function withPromise(event: MemberEvent, promiseMs: (verdict: Verdict & { kind: 'granted' }) => number): MemberEvent {
  if (event.type !== 'verdict' || event.verdict.kind !== 'granted') return event;
  return { ...event, verdict: { ...event.verdict, promiseMs: promiseMs(event.verdict) } };
}

/** The defects of reference/leases.md 6.3 and more, each as it would have been written by mistake. */
export const DEFECTS: readonly Defect[] = [
  { name: 'M1', what: 'the fence is set, not refreshed', tampering: { fence: 'plain_set' }, mix: { pauses: true } },
  {
    name: 'M2',
    what: 'a refresh takes the whole rest of the lease',
    tampering: { fence: 'full_lifetime' },
    mix: { pauses: true },
  },
  {
    name: 'M3',
    what: 'the fence opens without a sentinel',
    tampering: { fence: 'no_sentinel' },
    mix: { pauses: true },
  },
  { name: 'M4', what: 'a superseded witness answers from memory', tampering: { witness: 'from_memory' } },
  { name: 'M5', what: 'a new instance of the witness waits for nothing', tampering: { witness: 'no_wait' } },
  {
    name: 'M6',
    what: 'a restarted voter acts at once (L9)',
    tampering: { found: (found) => ({ ...found, register: { kind: 'new_boot', uptimeUs: 1e9 } }) },
  },
  {
    name: 'M7',
    what: 'a candidate promises its own vote meanwhile (L1, L6)',
    tampering: {
      effect: (effect, after) => (after.role.name === 'candidate' ? grantAnyway(effect, 2000) : effect),
    },
  },
  {
    name: 'M8',
    what: 'a priority-0 advertisement clears the promise (L4, L5)',
    tampering: {
      state: (after, _, event) =>
        event.type === 'advertisement' && event.priority === 0 && after.role.name === 'backup'
          ? { ...after, register: { ...after.register, bound: undefined } }
          : after,
    },
  },
  {
    name: 'M9',
    what: 'acks carry no promise length (L3, L16)',
    tampering: {
      event: (event, state) => {
        const ownMs = (PROMISE_INTERVALS * state.config.intervalUs) / 1000;
        if (event.type === 'claim') return { ...event, claim: { ...event.claim, promiseMs: ownMs } };
        return withPromise(event, () => ownMs);
      },
    },
    mix: { uneven: true, intervalUs: 1_000_000 },
  },
  {
    name: 'M10',
    what: 'a lease is counted from the ack’s receipt (L2)',
    tampering: { event: (event, _, nowUs) => (event.type === 'verdict' ? { ...event, sentAtUs: nowUs } : event) },
  },
  {
    name: 'M11',
    what: 'a margin of 1 % for the clocks (L2)',
    tampering: { event: (event) => withPromise(event, ({ promiseMs }) => (0.99 / 0.75) * promiseMs) },
  },
  {
    name: 'L7',
    what: 'an owner acks another one before it has stepped down',
    tampering: {
      effect: (effect, after) =>
        after.role.name === 'active' || after.role.name === 'closing' ? grantAnyway(effect, 2000) : effect,
    },
  },
  {
    name: 'L9r',
    what: 'the recorded register is forgotten at a restart',
    tampering: {
      found: (found) =>
        found.register.kind === 'recorded'
          ? { ...found, register: { ...found.register, record: { ...found.register.record, holder: null } } }
          : found,
    },
  },
  { name: 'L14', what: 'agents do not keep the witness’s serial', tampering: { witness: 'no_serial' } },
  {
    name: 'L17s',
    what: 'the survivor counts the departed vote before and after JOIN',
    tampering: {
      state: (after, before) => {
        const { vote } = before.departed;
        return vote?.counts === true ? { ...after, departed: { ...after.departed, vote } } : after;
      },
    },
    mix: { intervalUs: 250_000 },
  },
  {
    name: 'L17l',
    what: 'the leaver does not write its departure down',
    tampering: {
      found: (found) =>
        found.promise?.kind === 'departed'
          ? { ...found, promise: undefined, register: { kind: 'new_boot', uptimeUs: 1e9 } }
          : found,
    },
  },
  {
    name: 'bias',
    what: 'a long promise is given before it is on disk',
    tampering: { noFsync: true },
    mix: { bias: true },
  },
  {
    name: 'L12',
    what: 'a holder gives the witness’s vote back while its fence rests on it',
    tampering: {
      state: (after) =>
        after.role.name === 'active' ? { ...after, role: { ...after.role, restsOnWitness: false } } : after,
    },
  },
];
