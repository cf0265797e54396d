import { type Ballot, compareBallots, highestBallot } from './ballot.ts';
import { FRESH_MS, WITNESS_PROMISE_MS } from './constants.ts';
import { isFit } from './fitness.ts';
import type { MemberState, Role } from './member.types.ts';
import { leaseEndUs } from './quorum.ts';
import {
  currentLeaseEndUs,
  downUs,
  hasWitness,
  needed,
  peerVoteUntilUs,
  promiseUs,
  type Turn,
  takeNextBallot,
} from './turn.ts';

type Backup = Extract<Role, { name: 'backup' }>;

const RENEW_US = 1_000_000;
const RENEW_SLOWLY_US = 2_000_000;
const SLOWLY_AFTER_US = 60_000_000;
const LOST_AFTER_US = 5_000_000;

/** L18: the owner asks when an ack is 0.2 intervals late, a challenger 1.2 intervals after the last heartbeat. */
const OWNER_PATIENCE = 0.2;
const CHALLENGER_PATIENCE = 1.2;

/** From when on this node needs the witness's vote as things stand; Infinity while it does not. */
export function witnessWantedFromUs(state: Turn | MemberState): number {
  const { config, role, peers } = state;
  if (!hasWitness(config)) return Number.POSITIVE_INFINITY;
  switch (role.name) {
    case 'candidate':
      // Once the other votes are enough there is nothing to ask for.
      return role.opening && state.witness.asked === undefined ? Number.POSITIVE_INFINITY : role.sinceUs;
    case 'backup':
      if (!isFit(state)) return Number.POSITIVE_INFINITY;
      return Math.max(
        challengeFromUs(state, role),
        freeWithinPromiseUs(state),
        // A vote that it may not use yet is left to others.
        config.standNotBeforeUs - downUs(state),
      );
    case 'active': {
      const freshUntilUs: number[] = [];
      for (const node in peers) freshUntilUs.push(peerFreshUntilUs(state, node));
      return leaseEndUs(freshUntilUs, needed(config));
    }
    case 'initialize':
    case 'closing':
    case 'leaving':
    case 'stopped':
      return Number.POSITIVE_INFINITY;
  }
}

/** L18: until its vote runs out, or an ack of it is 0.2 intervals late. */
function peerFreshUntilUs(state: Turn | MemberState, node: string): number {
  const voteUntilUs = peerVoteUntilUs(state, node);
  const unackedSinceUs = state.peers[node]?.unackedSinceUs;
  if (unackedSinceUs === undefined || voteUntilUs === Number.POSITIVE_INFINITY) return voteUntilUs;
  return Math.min(voteUntilUs, unackedSinceUs + OWNER_PATIENCE * state.config.intervalUs);
}

/** L18: 1.2 intervals after the owner's last heartbeat; or now, between two candidacies of which the second goes on. */
function challengeFromUs({ config, register }: Turn | MemberState, role: Backup): number {
  if (role.heardAtUs !== undefined) return role.heardAtUs + CHALLENGER_PATIENCE * config.intervalUs;
  // Whatever has come in between and keeps this node from standing then is why others may need the vote.
  const goesOn = role.goesOnAtUs === role.standAtUs && register.bound === undefined;
  return goesOn ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** Whether the witness is in reach, has been asked and not said a word, for less time than it takes a request for fresh (L13). */
export function isWitnessAnswerDue({ witness, nowUs }: Turn): boolean {
  const { asked, lostSinceUs, refusal, voteUntilUs, wantedSinceUs } = witness;
  if (lostSinceUs !== undefined) return false;
  const isUnanswered = asked !== undefined && refusal === undefined && voteUntilUs <= nowUs;
  return isUnanswered && wantedSinceUs !== undefined && nowUs < wantedSinceUs + FRESH_MS * 1000;
}

/** L18: from when on this node's own register is free within one normal promise. */
function freeWithinPromiseUs({ register, config }: Turn | MemberState): number {
  const { bound } = register;
  if (bound === undefined || bound.holder === config.node) return Number.NEGATIVE_INFINITY;
  return bound.untilUs - promiseUs(config);
}

/** Whether the witness has been out of reach for so long that it counts (policy `bias`). */
export function noteWitnessLoss({ witness, nowUs }: Turn): void {
  witness.lost = witness.lostSinceUs !== undefined && nowUs >= witness.lostSinceUs + LOST_AFTER_US;
}

/** Asks, renews or gives back the witness's vote, as the role at the end of a step wants it. */
export function tendWitnessVote(turn: Turn): void {
  const { witness, nowUs } = turn;
  if (witnessWantedFromUs(turn) <= nowUs) {
    witness.returning = false;
    witness.wantedSinceUs ??= nowUs;
    if (nowUs >= witness.nextAskUs) ask(turn);
    return;
  }
  witness.wantedSinceUs = undefined;
  // While the fence is being closed it may still rest on this vote: finishClosing gives it back.
  if (witness.asked === undefined || turn.role.name === 'closing') return;
  if (turn.role.name !== 'active') {
    giveWitnessVoteBack(turn);
    return;
  }
  // The fence may still be open on the strength of this vote: first a refresh without it, then back it goes. That
  // refresh needs a lease by the others' votes with room to spare.
  witness.returning = true;
  const leaseWithoutUs = currentLeaseEndUs(turn);
  if (leaseWithoutUs - turn.config.guardUs < nowUs + turn.config.intervalUs) witness.returning = false;
  else if (!turn.role.restsOnWitness) giveWitnessVoteBack(turn);
}

function ask(turn: Turn): void {
  const { witness, nowUs } = turn;
  const ballot = ballotToAskWith(turn);
  const wantedForUs = nowUs - (witness.wantedSinceUs ?? nowUs);
  witness.asked = ballot;
  witness.nextAskUs = nowUs + (wantedForUs > SLOWLY_AFTER_US ? RENEW_SLOWLY_US : RENEW_US);
  turn.effects.push({ type: 'ask-witness', ballot, promiseMs: WITNESS_PROMISE_MS });
}

function ballotToAskWith(turn: Turn): Ballot {
  const { role, witness } = turn;
  switch (role.name) {
    case 'active':
      // What was given back never lives again (L5): the owner goes on under a higher ballot.
      if (compareBallots(role.ballot, witness.released) <= 0) raiseOwnership(turn);
      return turn.role.name === 'active' ? turn.role.ballot : role.ballot;
    case 'candidate':
      return role.ballot;
    case 'backup':
    case 'initialize':
    case 'closing':
    case 'leaving':
    case 'stopped':
      return witness.asked ?? takeNextBallot(turn);
  }
}

/** The owner's ballot grows without a change of owner; its voters follow with the next heartbeat. */
export function raiseOwnership(turn: Turn): void {
  const { role, register } = turn;
  if (role.name !== 'active' || register.bound === undefined) return;
  const ballot = takeNextBallot(turn);
  turn.register = {
    ...register,
    bound: { ...register.bound, ballot },
    highestGranted: highestBallot(register.highestGranted, ballot),
  };
  turn.role = { ...role, ballot };
  turn.effects.push({ type: 'send-heartbeat' });
}

/** Stops counting the vote first, then releases it; a grant still under way is covered by the same release. */
export function giveWitnessVoteBack(turn: Turn): void {
  const { witness, nowUs } = turn;
  witness.voteUntilUs = Number.NEGATIVE_INFINITY;
  witness.returning = false;
  // While it is known to be bound to someone else, the next candidacy does not ask any sooner than this one would have.
  if (witness.refusal === undefined || nowUs >= witness.refusal.untilUs) {
    witness.refusal = undefined;
    witness.nextAskUs = Number.NEGATIVE_INFINITY;
  }
  if (witness.asked === undefined) return;
  witness.released = highestBallot(witness.released, witness.asked);
  turn.effects.push({ type: 'release-witness', ballot: witness.asked });
  witness.asked = undefined;
}
