import { type Ballot, highestBallot, NO_BALLOT } from './ballot.ts';
import { PROMISE_MAX_MS } from './constants.ts';
import { type DepartedVote, NOBODY_DEPARTED } from './departure.ts';
import { type IdentityRecord, identityAtStart } from './identity-change.ts';
import { type KeptPromise, NO_KEPT_PROMISE } from './kept-promise.ts';
import type { MemberConfig, MemberState, PeerView, Role } from './member.types.ts';
import { type RegisterRecord, restoreRegister } from './record.ts';
import { FREE_REGISTER, type Register } from './register.ts';

/** What the shell has found of the register that a former run left behind (L9). */
export type FoundRegister =
  /** `run_dir` holds it, and it was written in this boot */
  | { readonly kind: 'recorded'; readonly record: RegisterRecord }
  /** `state_dir` proves that the agent has not run in this boot */
  | { readonly kind: 'new_boot'; readonly uptimeUs: number }
  /** the agent has run in this boot, or may have */
  | { readonly kind: 'nothing' };

export type FoundAtStart = {
  readonly register: FoundRegister;
  /** what `state_dir` holds of `persist-promise`, whatever the boot */
  readonly promise?: KeptPromise | undefined;
  /** what `state_dir` holds of `persist-departed` */
  readonly departed?: DepartedVote | undefined;
  /** what `state_dir` holds of the identity that the node went by, if it may go over from that one to its new one */
  readonly identity?: IdentityRecord | undefined;
};

/** A peer that has claimed nothing yet may own: nobody knows better. */
const PRIORITY_UNKNOWN = 1;

export const NOTHING_FOUND: FoundAtStart = { register: { kind: 'nothing' } };

/**
 * An agent that has just started (L9). To be called once the left-overs of a former run are cleared, above all once its
 * fence is closed: a recorded candidacy or ownership of this node itself counts as ended.
 *
 * A recorded register binds on as it did before the restart, so that its holder, and nobody else, is acknowledged at once:
 * at the recorded ballot or a higher one, for a register binds a node, whose sessions let only its latest incarnation
 * speak. Without a record the agent neither acks nor stands until everything that it may have promised has run out.
 */
export function startMember(configured: MemberConfig, nowUs: number, found: FoundAtStart = NOTHING_FOUND): MemberState {
  const { config, wanted, change, generation } = identityAtStart(configured, found.identity);
  const unknown: PeerView = {
    voteUntilUs: Number.NEGATIVE_INFINITY,
    unackedSinceUs: undefined,
    differs: false,
    said: undefined,
    lastSentUs: undefined,
    verdict: undefined,
    verdictAtUs: Number.NEGATIVE_INFINITY,
    heardAtUs: Number.NEGATIVE_INFINITY,
    countsFromUs: Number.NEGATIVE_INFINITY,
    promiseMs: PROMISE_MAX_MS,
    priority: PRIORITY_UNKNOWN,
  };
  const usedBefore = { counter: config.usedCounter, node: config.node };
  const recorded = found.register.kind === 'recorded' ? found.register.record : undefined;
  const { promise } = found;
  return {
    config,
    wanted,
    change,
    generation,
    // L10: without a record, what an earlier run granted or used is refused still, for both nodes may have started anew.
    register: bindAgain(registerOf(recorded, config.node, usedBefore), promise, nowUs),
    recorded,
    highestSeen: usedBefore,
    fitness: { priority: config.priority, skewUs: config.skewUs, unfit: undefined },
    kept: { ...NO_KEPT_PROMISE, written: promise },
    departed: { ...NOBODY_DEPARTED, vote: found.departed },
    peers: Object.fromEntries(config.peers.map((node) => [node, unknown])),
    witness: {
      voteUntilUs: Number.NEGATIVE_INFINITY,
      asked: undefined,
      nextAskUs: Number.NEGATIVE_INFINITY,
      wantedSinceUs: undefined,
      returning: false,
      released: NO_BALLOT,
      lostSinceUs: nowUs,
      lost: false,
      refusal: undefined,
    },
    seed: config.seed,
    role: firstRole(found.register, nowUs),
  };
}

function registerOf(recorded: RegisterRecord | undefined, node: string, usedBefore: Ballot): Register {
  if (recorded !== undefined) return restoreRegister(recorded, node);
  return { ...FREE_REGISTER, highestGranted: usedBefore };
}

/** What was persisted binds as it would if it had been given just now: how long ago it was is not known after a reboot. */
function bindAgain(register: Register, promise: KeptPromise | undefined, nowUs: number): Register {
  if (promise === undefined) return register;
  const { holder, ballot } = promise;
  const untilUs = promise.kind === 'bias' ? nowUs + promise.durationUs : Number.POSITIVE_INFINITY;
  const highestGranted = highestBallot(register.highestGranted, ballot);
  return { ...register, bound: { holder, ballot, untilUs }, highestGranted };
}

function firstRole(found: FoundRegister, nowUs: number): Role {
  const promiseMaxUs = PROMISE_MAX_MS * 1000;
  switch (found.kind) {
    case 'recorded':
      return { name: 'initialize', untilUs: nowUs, overBecause: 'register_restored' };
    case 'new_boot':
      return {
        name: 'initialize',
        untilUs: nowUs + Math.max(0, promiseMaxUs - found.uptimeUs),
        overBecause: 'quarantine_over',
      };
    case 'nothing':
      return { name: 'initialize', untilUs: nowUs + promiseMaxUs, overBecause: 'quarantine_over' };
  }
}
