import type { MemberEffect, MemberEvent, MemberState, Verdict } from '@tiebreak/shared/lease';
import type { Tampering } from '../../../agent/simulation/tampering.ts';
import type { Rule } from '../../../agent/simulation/violation.ts';
import {
  changeIdentity,
  crash,
  crashEngine,
  cutPeers,
  cutWitness,
  degrade,
  depart,
  freeze,
  isolate,
  loseWitness,
  misconfigure,
  partition,
  reboot,
} from '../faults.ts';
import type { Kind } from '../plan.ts';
import type { SeedOptions } from '../run-seed.ts';

export type Defect = {
  readonly name: string;
  readonly what: string;
  readonly tampering: Tampering;
  /** the faults under which it shows */
  readonly mix?: SeedOptions['mix'];
  readonly kind?: Kind;
  readonly intervalUs?: number;
  /** rules whose violation is no proof that it was noticed; without: all that are not about safety */
  readonly ignored?: readonly Rule[];
};

/** What may be wrong without harm to safety shows too little: a defect must break one of the others. */
const NOT_SAFETY: readonly Rule[] = [
  'ticks do not settle',
  'no owner after the faults',
  'identity not reached',
  'moved without need',
  'interrupted without need',
  'not idle in steady state',
  'moved more than once for one fault',
  'a planned change failed',
  'preemption failed',
];

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

/** What a node does that goes by its new identity from now on. */
function takeIdentity(after: MemberState): MemberState {
  const { change, config, generation } = after;
  if (change === undefined) return after;
  return { ...after, config: { ...config, ...change.to }, change: undefined, generation: generation + 1 };
}

/** Changes of identity, and what makes some nodes late for them or forgetful. */
const CHANGING = [changeIdentity, changeIdentity, cutPeers, degrade, freeze];
const CHANGING_AND_CRASHING = [changeIdentity, changeIdentity, crash, crashEngine, reboot];

/** Engines that die alone, and links that make others want the vote. */
const GUARDED = [crashEngine, crashEngine, cutPeers, cutWitness, partition, isolate, freeze];

/** The defects of reference/leases.md 6.3 and more, each as it would have been written by mistake. */
const PLANTED: readonly Defect[] = [
  {
    name: 'M1',
    what: 'the fence is set, not refreshed',
    tampering: { fence: 'plain_set' },
    mix: { fencePauses: true },
  },
  {
    name: 'M2',
    what: 'a refresh takes the whole rest of the lease',
    tampering: { fence: 'full_lifetime' },
    mix: { fencePauses: true },
  },
  {
    name: 'M3',
    what: 'the fence opens without a sentinel',
    tampering: { fence: 'no_sentinel' },
    mix: { fencePauses: true },
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
    mix: { uneven: true },
    intervalUs: 1_000_000,
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
    name: 'vote before closing',
    what: 'an inviting owner votes for its successor instead of closing its fence first (L7)',
    tampering: {
      effect: (effect, _, event) => {
        if (effect.type !== 'close-fence' || event.type !== 'claim' || event.claim.kind !== 'ready') return effect;
        const { group, ballot, promiseMs } = event.claim;
        return { type: 'send-verdict', to: event.from, verdict: { kind: 'granted', group, ballot, promiseMs } };
      },
    },
  },
  {
    name: 'invitation for transfer',
    what: 'an invited successor stands at once, while the owner counts on its vote (L1, L5)',
    tampering: {
      event: (event, state) =>
        event.type === 'invite' ? { ...event, type: 'transfer', to: state.config.node } : event,
    },
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
    intervalUs: 250_000,
  },
  {
    name: 'L17j',
    what: 'JOIN frees the leaver at once, while the survivor’s fence may rest on its departed vote',
    tampering: {
      state: (after, before, event) =>
        event.type === 'join' && before.kept.written?.kind === 'departed' && after.kept.written === undefined
          ? { ...after, register: { ...after.register, bound: undefined } }
          : after,
    },
  },
  {
    name: 'L17p',
    what: 'after a departure the survivor counts on what was promised before it',
    tampering: {
      state: (after, before, event) =>
        event.type === 'departed-persisted' ? { ...after, peers: before.peers } : after,
    },
    kind: 'chaos',
    intervalUs: 250_000,
    mix: { agents: 2, kinds: [depart, crashEngine, freeze, degrade] },
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
  {
    name: 'L5',
    what: 'RELEASE leaves in place of the order to close the fence',
    tampering: {
      effect: (effect, after) =>
        effect.type === 'close-fence' && after.role.name === 'closing'
          ? { type: 'send-release', ballot: after.role.ballot }
          : effect,
    },
  },
  {
    name: 'L8',
    what: 'an owner yields to VRRP priority, not to the higher ballot',
    tampering: {
      event: (event, state) => {
        if (event.type !== 'claim' || event.claim.kind !== 'owns' || state.role.name !== 'active') return event;
        return event.claim.priority > state.fitness.priority ? event : { type: 'tick' };
      },
    },
    mix: { available: true, kinds: [cutPeers, partition, isolate, loseWitness, freeze] },
    ignored: [],
  },
  {
    name: 'L16',
    what: 'votes are given across different configurations',
    tampering: {
      event: (event, { config: { configHash } }) =>
        event.type === 'claim' ? { ...event, claim: { ...event.claim, configHash } } : event,
    },
    mix: { kinds: [misconfigure] },
  },
  {
    name: 'L16a',
    what: 'a node goes over to the new identity as soon as all have announced it: no joint stage',
    tampering: {
      state: (after) => (after.change?.stage === 'writing' ? takeIdentity(after) : after),
      effect: (effect) => {
        if (effect.type !== 'persist-identity' || effect.record.joint === undefined) return effect;
        const { generation, joint } = effect.record;
        return { ...effect, record: { generation: generation + 1, agreed: joint, joint: undefined } };
      },
    },
    mix: { identities: true, kinds: CHANGING },
  },
  {
    name: 'L16b',
    what: 'a joint node goes over to the new identity without waiting for its peers to be joint',
    tampering: { state: (after) => (after.change?.stage === 'joint' ? takeIdentity(after) : after) },
    mix: { identities: true, kinds: CHANGING },
  },
  {
    name: 'L16c',
    what: 'a node says that it is joint before that is on disk',
    tampering: {
      state: (after) =>
        after.change?.stage === 'writing' ? { ...after, change: { ...after.change, stage: 'written' } } : after,
    },
    mix: { identities: true, kinds: CHANGING_AND_CRASHING },
  },
  {
    name: 'L16d',
    what: 'a node becomes joint while its fence rests on the witness’s vote',
    tampering: {
      state: (after) => {
        const { change, config } = after;
        if (change?.stage !== 'written') return after;
        return { ...after, change: { ...change, stage: 'joint' }, config: { ...config, witness: false } };
      },
    },
    mix: { agents: 2, identities: true, kinds: CHANGING },
  },
  {
    name: 'L16e',
    what: 'a joint node counts the witness’s vote',
    tampering: {
      state: (after) =>
        after.change?.stage === 'joint' ? { ...after, config: { ...after.config, witness: true } } : after,
    },
    mix: { agents: 2, identities: true, kinds: CHANGING },
  },
  {
    name: 'L16f',
    what: 'changes are not numbered: what was said during an earlier one counts in a later one that leads back',
    tampering: {
      event: (event, { change }) =>
        event.type === 'claim' && change !== undefined && event.claim.configHash === change.to.configHash
          ? { ...event, claim: { ...event.claim, next: { configHash: change.to.configHash, joint: true } } }
          : event,
      state: (after) => ({ ...after, generation: 0 }),
    },
    mix: { identities: true, kinds: CHANGING },
  },
  {
    name: 'L16g',
    what: 'a node that passes through an identity counts the witness that it is configured for instead',
    tampering: {
      anyWitnessCounts: true,
      state: (after) =>
        after.change === undefined && after.wanted.configHash !== after.config.configHash
          ? { ...after, config: { ...after.config, witness: true } }
          : after,
    },
    mix: { agents: 2, identities: true, kinds: CHANGING },
  },
  {
    name: 'L18',
    what: 'the owner asks the witness only when its lease is over: no head start',
    tampering: {
      state: (after) => {
        if (after.role.name !== 'active') return after;
        const calm = Object.entries(after.peers).map(([node, view]) => [node, { ...view, unackedSinceUs: undefined }]);
        return { ...after, peers: Object.fromEntries(calm) };
      },
    },
    kind: 'link',
    ignored: [],
  },
  {
    name: 'G1',
    what: 'a guardian gives a vote away that its engine had promised to another',
    tampering: { guardian: 'claims_every_vote' },
    mix: { kinds: GUARDED },
  },
  {
    name: 'G2',
    what: 'a guardian votes again for whoever asks next',
    tampering: { guardian: 'votes_again' },
    mix: { agents: 3, kinds: GUARDED },
  },
];

export type Planted = Defect & Required<Pick<Defect, 'kind' | 'ignored'>>;

export const DEFECTS: readonly Planted[] = PLANTED.map((defect) => ({
  kind: 'chaos',
  ignored: NOT_SAFETY,
  ...defect,
}));

/** @throws RangeError if there is none of that name */
export function defectNamed(name: string): Planted {
  const found = DEFECTS.find((defect) => defect.name === name);
  if (found === undefined) throw new RangeError(`there is no defect ${name}`);
  return found;
}
