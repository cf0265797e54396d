/**
 * A planned handover with one way of the network in its gap instead of three. The owner invites its successor while it
 * still owns; the successor answers `ready`, with the ballot that it is going to stand with; only then the owner closes its
 * fence, and its own vote for that ballot is the answer to `ready`. To the successor this vote says what a TRANSFER says;
 * the TRANSFER follows all the same, for whoever has missed it. `ready` binds nobody. An invitation that nobody answers
 * ends as a handover without one: the fence closes, and a TRANSFER leaves.
 */
import { type Ballot, compareBallots, sameBallot } from './ballot.ts';
import { becomeCandidate } from './candidate.ts';
import type { Claim, Verdict } from './claim.ts';
import { hasDeparted } from './departure.ts';
import { startClosing } from './holder.ts';
import { agrees } from './identity-change.ts';
import type { AfterClosing, Cause } from './member.types.ts';
import { boundTo, isGrantable, release } from './register.ts';
import { successorOf } from './successor.ts';
import { promiseForMs, promiseUs, see, type Turn, takeNextBallot } from './turn.ts';

/** The owner owns on meanwhile, so that waiting costs nobody anything. */
const PATIENCE_MAX_US = 250_000;

/** The owner's side: ownership is to end, and `successor` to have it; without one that votes it ends at once. */
export function invite(turn: Turn, successor: string | undefined, cause: Cause, after: AfterClosing): void {
  const { role, config, nowUs } = turn;
  if (role.name !== 'active') return;
  if (successor === undefined || !successorOf(turn, successor).ok) {
    startClosing(turn, cause, after);
    return;
  }
  const earlier = role.invitation;
  const patienceUs = Math.min(config.intervalUs, PATIENCE_MAX_US);
  const invitation = {
    to: successor,
    cause,
    // Whoever has been asked to leave does so, whatever else makes it hand over meanwhile.
    after: earlier?.after.kind === 'leave' ? earlier.after : after,
    untilUs: earlier?.untilUs ?? nowUs + patienceUs,
  };
  turn.role = { ...role, invitation };
  turn.effects.push({ type: 'send-invite', to: successor, ballot: role.ballot });
}

/** Nobody has answered in time. */
export function endInvitation(turn: Turn): void {
  const { role, nowUs } = turn;
  if (role.name !== 'active' || role.invitation === undefined || nowUs < role.invitation.untilUs) return;
  startClosing(turn, role.invitation.cause, role.invitation.after);
}

/** The successor is ready: the fence closes, and once that is confirmed the vote goes to it. */
export function hearReady(turn: Turn, from: string, claim: Claim): void {
  const { role, config } = turn;
  if (role.name !== 'active' || role.invitation?.to !== from || claim.priority === 0) return;
  if (!agrees(turn, claim) || compareBallots(claim.ballot, role.ballot) <= 0) return;
  const { cause, after } = role.invitation;
  const promiseMs = promiseForMs(config, claim.promiseMs);
  startClosing(turn, cause, after, { to: from, ballot: claim.ballot, promiseMs });
}

/** The successor's side: the owner, of `ballot`, asks for a `ready`. */
export function hearInvite(turn: Turn, from: string, ballot: Ballot): void {
  const { role, register, config, nowUs, witness } = turn;
  const owner = turn.peers[from];
  if (owner === undefined) return;
  see(turn, ballot);
  if (role.name !== 'backup' || turn.fitness.unfit !== undefined || owner.differs || hasDeparted(turn)) return;
  const bound = boundTo(register, nowUs);
  if (bound !== undefined && bound.holder !== from) return;
  if (compareBallots(ballot, register.highestGranted) < 0) return;
  const isUsable = (own: Ballot): boolean => compareBallots(own, ballot) > 0 && isGrantable(register, own);
  const { asked } = witness;
  const earlier = role.ready?.invitedBy === from && isUsable(role.ready.ballot) ? role.ready.ballot : undefined;
  // The witness may know of a ballot already, asked for while heartbeats were late.
  const standsWith = asked ?? earlier ?? takeNextBallot(turn);
  if (!isUsable(standsWith)) return;
  const ready = { invitedBy: from, ballot: standsWith, sinceUs: nowUs, untilUs: nowUs + promiseUs(config) };
  turn.role = { ...role, ready };
  turn.effects.push({ type: 'send-heartbeat' });
}

/** The invitation has come to nothing. */
export function forgetInvitation(turn: Turn): void {
  const { role, nowUs } = turn;
  if (role.name === 'backup' && role.ready !== undefined && nowUs >= role.ready.untilUs)
    turn.role = { ...role, ready: undefined };
}

/**
 * The owner's vote for what this node said to be ready for: it has closed its fence, its own promise included (L5, L7).
 * This node stands; the vote is to be counted then.
 */
export function standAsInvited(turn: Turn, from: string, sentAtUs: number, verdict: Verdict): void {
  const { role, register, nowUs } = turn;
  if (role.name !== 'backup' || role.ready?.invitedBy !== from || verdict.kind !== 'granted') return;
  if (!sameBallot(verdict.ballot, role.ready.ballot) || sentAtUs < role.ready.sinceUs) return;
  const bound = boundTo(register, nowUs);
  if (bound !== undefined && bound.holder !== from) return;
  // It has been asked for this vote again since.
  if (bound !== undefined && compareBallots(bound.ballot, verdict.ballot) > 0) return;
  if (bound !== undefined) turn.register = release(register, from, bound.ballot);
  if (turn.fitness.unfit === undefined) becomeCandidate(turn, 'transferred');
}
