import { type Ballot, compareBallots, highestBallot } from './ballot.ts';
import { giveUpCandidacy } from './candidate.ts';
import type { Claim, Refusal, Verdict } from './claim.ts';
import { PROMISE_MAX_MS } from './constants.ts';
import { askToJoin, departTo, hasDeparted } from './departure.ts';
import { noteOwnerPriority, yieldToSuperior } from './fitness.ts';
import { STAY, startClosing } from './holder.ts';
import { agrees, noteIdentity } from './identity-change.ts';
import { hearReady } from './invitation.ts';
import { persistPromise } from './kept-promise.ts';
import { bind, boundTo, release } from './register.ts';
import { downUs, promiseForMs, see, type Turn } from './turn.ts';

/** Another node's claim on the group: the voter's side of L1, L3, L4, L7, L8, L10 and L16. */
export function hearClaim(turn: Turn, from: string, claim: Claim): void {
  const peer = turn.peers[from];
  if (peer === undefined) return;
  peer.heardAtUs = turn.nowUs;
  peer.promiseMs = claim.promiseMs;
  peer.priority = claim.priority;
  noteIdentity(turn, peer, claim);
  peer.differs = !agrees(turn, claim);
  see(turn, claim.ballot);
  askToJoin(turn, from);
  if (claim.kind === 'none') {
    yieldToSuperior(turn, from, claim);
    return;
  }
  if (claim.kind === 'ready') {
    hearReady(turn, from, claim);
    return;
  }
  if (claim.kind === 'owns') hearOwner(turn, claim);
  else yieldTo(turn, claim);
  const verdict = judge(turn, from, claim);
  turn.effects.push({ type: 'send-verdict', to: from, verdict });
  const { role } = turn;
  const departs = role.name === 'leaving' && role.departs && claim.kind === 'owns';
  if (departs && verdict.kind === 'granted') departTo(turn, from, claim.ballot);
}

function hearOwner(turn: Turn, claim: Claim): void {
  const { role, config, nowUs } = turn;
  const stale = compareBallots(claim.ballot, turn.register.highestGranted) < 0;
  switch (role.name) {
    case 'active':
      // L8: the higher ballot wins, whatever the priority; the winner announces itself again.
      if (compareBallots(claim.ballot, role.ballot) > 0) {
        startClosing(turn, 'higher_ballot', STAY);
      } else {
        turn.effects.push({ type: 'announce' }, { type: 'send-heartbeat' });
      }
      return;
    case 'candidate':
      // An owner has a majority, so this candidacy cannot win. While the fence is being opened it has won already.
      if (!role.opening && !stale && agrees(turn, claim)) giveUpCandidacy(turn, 'owner_heard');
      if (turn.role.name === 'backup') turn.role = { ...turn.role, standAtUs: nowUs + downUs(turn), heardAtUs: nowUs };
      return;
    case 'backup':
      // L4: an owner's heartbeat restarts the down timer, but not one of a node that has been superseded.
      if (stale) return;
      turn.role = { ...role, standAtUs: nowUs + downUs(turn), heardAtUs: nowUs };
      noteOwnerPriority(turn, claim);
      return;
    case 'leaving':
      if (!stale && !role.departs)
        turn.role = { ...role, untilUs: Math.min(role.untilUs, nowUs + config.intervalUs / 4) };
      return;
    case 'initialize':
    case 'closing':
    case 'stopped':
      return;
  }
}

/**
 * Of several candidates that split the votes of three agents or more, the lower ballot yields at once instead of waiting
 * for the end of its candidacy, so that the higher one gets its vote.
 */
function yieldTo(turn: Turn, claim: Claim): void {
  const { role, config, nowUs } = turn;
  if (config.peers.length < 2 || role.name !== 'candidate' || role.opening) return;
  if (!agrees(turn, claim) || compareBallots(claim.ballot, role.ballot) <= 0) return;
  giveUpCandidacy(turn, 'outbid');
  if (turn.role.name === 'backup') turn.role = { ...turn.role, standAtUs: nowUs + downUs(turn) };
}

function judge(turn: Turn, from: string, claim: Claim): Verdict {
  const { role, config, nowUs, register } = turn;
  const refuse = (reason: Refusal, remainingUs: number): Verdict => ({
    kind: 'refused',
    group: claim.group,
    ballot: claim.ballot,
    reason,
    remainingMs: Number.isFinite(remainingUs) ? Math.ceil(remainingUs / 1000) : PROMISE_MAX_MS,
    highest: highestBallot(turn.register.highestGranted, turn.register.released),
  });
  if (!agrees(turn, claim)) return refuse('config_mismatch', 0);
  switch (role.name) {
    case 'initialize':
      // L9: whatever else it may have promised, nobody but this holder can count on it.
      if (boundTo(register, nowUs)?.holder !== from) return refuse('quarantined', role.untilUs - nowUs);
      break;
    case 'active':
    case 'closing':
      // L7: until the fence is confirmed closed this node votes for nobody but itself.
      return refuse('bound', role.fenceExpiresAtUs - nowUs);
    case 'candidate':
      return refuse('bound', role.untilUs - nowUs);
    case 'stopped':
      return refuse('quarantined', 0);
    case 'backup':
    case 'leaving':
      break;
  }
  const promiseMs = Math.max(promiseForMs(config, claim.promiseMs), longPromiseMs(turn, from, claim));
  const outcome = bind(register, from, claim.ballot, nowUs + promiseMs * 1000, nowUs);
  if (!outcome.ok) return refuse(outcome.reason, outcome.remainingUs);
  turn.register = outcome.register;
  return { kind: 'granted', group: claim.group, ballot: claim.ballot, promiseMs };
}

/**
 * Policy `bias`: while neither the owner nor this node reaches the witness, nobody could take over anyway, and so the owner
 * gets a long promise; but not before it would survive this node's restart. 0: no long one.
 */
function longPromiseMs(turn: Turn, from: string, claim: Claim): number {
  const { config, kept, witness, register, nowUs } = turn;
  const { policy } = config;
  if (policy.name !== 'bias' || claim.kind !== 'owns' || claim.witnessLost !== true || !witness.lost) return 0;
  // What it has departed with binds for longer than that, and is on disk in its place.
  if (hasDeparted(turn) || (turn.role.name === 'leaving' && turn.role.departs)) return 0;
  const bound = boundTo(register, nowUs);
  if (bound !== undefined && bound.holder !== from) return 0;
  const durationUs = policy.promiseMs * 1000;
  const { written } = kept;
  if (written?.kind === 'bias' && written.holder === from && written.durationUs >= durationUs) return policy.promiseMs;
  persistPromise(turn, { kind: 'bias', holder: from, ballot: claim.ballot, durationUs });
  return 0;
}

/** L5: an authenticated RELEASE frees the register early, and the way is open. */
export function hearRelease(turn: Turn, from: string, ballot: Ballot): void {
  see(turn, ballot);
  forgiveDifference(turn, from);
  if (!freeFrom(turn, from, ballot)) return;
  if (turn.role.name !== 'backup') return;
  // Of several peers the one with the highest priority stands first, or their candidacies would split the votes.
  const waitUs = turn.config.peers.length < 2 ? 0 : turn.fitness.skewUs;
  turn.role = { ...turn.role, standAtUs: turn.nowUs + waitUs, standBecause: 'released' };
}

/** L5: the owner has closed its fence and invites `to`, which at once requests the votes for a higher ballot. */
export function hearTransfer(turn: Turn, from: string, ballot: Ballot, to: string): void {
  see(turn, ballot);
  forgiveDifference(turn, from);
  freeFrom(turn, from, ballot);
  const { role, register, config, nowUs } = turn;
  // The promise may have run out before the invitation came; what is bound to someone else, or superseded, stays as it is.
  const open = boundTo(register, nowUs) === undefined && compareBallots(ballot, register.highestGranted) >= 0;
  if (!open || role.name !== 'backup') return;
  const standAtUs = to === config.node ? nowUs : nowUs + downUs(turn);
  turn.role = { ...role, standAtUs, standBecause: 'transferred' };
}

/** L16: whoever gives the group up stands in nobody's way, whatever its configuration. */
function forgiveDifference(turn: Turn, from: string): void {
  const peer = turn.peers[from];
  if (peer !== undefined) peer.differs = false;
}

function freeFrom(turn: Turn, from: string, ballot: Ballot): boolean {
  if (hasDeparted(turn)) return false;
  const before = turn.register.bound;
  turn.register = release(turn.register, from, ballot);
  return before?.holder === from && turn.register.bound === undefined;
}
