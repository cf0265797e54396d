/**
 * One agent's part in one group: voter, candidate and holder in a single pure machine.
 *
 * Theory of operation. Everyone stands, votes and owns by ballots. While nothing happens, the owner's heartbeats renew the
 * votes of the others (voter.ts), and each ack lets it refresh the fence (holder.ts). When acks come late it asks the
 * witness; when heartbeats stay away a backup does the same, a little later (witness-vote.ts). A backup whose down timer
 * fires stands (candidate.ts); with a majority it has the fence opened, and only the kernel's confirmation makes it the
 * owner. An owner without a majority closes the fence before anyone else can have one.
 *
 * The caller performs the effects in order, feeds fence outcomes back at once, that of a refresh soon, and calls again no
 * later than nextDeadlineUs().
 */
import { hearVerdict, hearWitnessGrant, hearWitnessRefusal } from './answers.ts';
import { forceTakeover, giveUpCandidacy, stand, standAlone } from './candidate.ts';
import { takeConfig } from './configured.ts';
import {
  announceDeparture,
  forceJoin,
  hearDepart,
  hearJoin,
  isDepartureNoted,
  noteDepartedWritten,
} from './departure.ts';
import { changeFitness, endUnfitOwnership, handOver, standDueUs } from './fitness.ts';
import {
  abandonOpening,
  abandonOwnership,
  closedByItselfUs,
  finishClosing,
  keepOwnership,
  noteRefresh,
  postponeRefresh,
  refreshDueUs,
  retryClosing,
  STAY,
  startClosing,
  takeOwnership,
} from './holder.ts';
import { noteJointWritten, pursueIdentityChange } from './identity-change.ts';
import { endInvitation, forgetInvitation, hearInvite } from './invitation.ts';
import { dropSpentPromise, notePersisted } from './kept-promise.ts';
import { leave, stop } from './leave.ts';
import type { MemberEffect, MemberEvent, MemberState } from './member.types.ts';
import { recordRegister } from './record.ts';
import { becomeBackup, beginTurn, downUs, endTurn, ownershipEndUs, type Turn } from './turn.ts';
import { hearClaim, hearRelease, hearTransfer } from './voter.ts';
import { noteWitnessLoss, tendWitnessVote, witnessWantedFromUs } from './witness-vote.ts';

/** `nowUs`: CLOCK_BOOTTIME in µs, never less than in the step before. */
export function stepMember(
  state: MemberState,
  event: MemberEvent,
  nowUs: number,
): { state: MemberState; effects: MemberEffect[] } {
  const turn = beginTurn(state, nowUs);
  noteWitnessLoss(turn);
  // What the kernel did to the fence is taken in before its end is looked at: it may be a later one by now.
  const isOutcome = event.type === 'fence-refreshed' || event.type === 'fence-refused';
  if (isOutcome) apply(turn, event);
  endWhatHasRunOut(turn);
  if (!isOutcome) apply(turn, event);
  pursue(turn);
  recordRegister(turn);
  return { state: endTurn(turn), effects: turn.effects };
}

/** An owner whose fence has run out is none, whatever the event says that comes first after a pause. */
function endWhatHasRunOut(turn: Turn): void {
  const { role, nowUs } = turn;
  if (role.name === 'initialize' && nowUs >= role.untilUs) {
    becomeBackup(turn, nowUs + downUs(turn), role.overBecause);
  }
  if (role.name === 'active' && nowUs >= role.fenceExpiresAtUs) startClosing(turn, 'lease_ended', STAY);
  if (role.name === 'candidate' && !role.opening && nowUs >= role.untilUs) giveUpCandidacy(turn, 'votes_missing');
}

function apply(turn: Turn, event: MemberEvent): void {
  switch (event.type) {
    case 'claim':
      hearClaim(turn, event.from, event.claim);
      return;
    case 'heartbeat-sent':
      noteHeartbeatSent(turn, event.to, event.sentAtUs);
      return;
    case 'verdict':
      hearVerdict(turn, event.from, event.sentAtUs, event.verdict);
      return;
    case 'release':
      hearRelease(turn, event.from, event.ballot);
      return;
    case 'transfer':
      hearTransfer(turn, event.from, event.ballot, event.to);
      return;
    case 'invite':
      hearInvite(turn, event.from, event.ballot);
      return;
    case 'advertisement':
      // L4: advertisements start timers and nothing else.
      if (turn.role.name === 'backup') {
        const waitUs = event.priority === 0 ? turn.fitness.skewUs : downUs(turn);
        turn.role = { ...turn.role, standAtUs: turn.nowUs + waitUs };
      }
      return;
    case 'witness-granted':
      hearWitnessGrant(turn, event.ballot, event.promiseMs, event.sentAtUs);
      return;
    case 'witness-refused':
      hearWitnessRefusal(turn, event);
      return;
    case 'witness-freed':
      turn.witness.nextAskUs = Number.NEGATIVE_INFINITY;
      turn.witness.refusal = undefined;
      return;
    case 'witness-reachable':
      turn.witness.lostSinceUs = event.reachable ? undefined : (turn.witness.lostSinceUs ?? turn.nowUs);
      noteWitnessLoss(turn);
      return;
    case 'promise-persisted':
      if (notePersisted(turn, event.promise)) announceDeparture(turn);
      return;
    case 'departed-persisted':
      noteDepartedWritten(turn, event.departed);
      return;
    case 'peer-departs':
      hearDepart(turn, event.from, event.departure);
      return;
    case 'departure-noted':
      if (turn.role.name === 'leaving' && isDepartureNoted(turn, event.from, event.departure)) leave(turn);
      return;
    case 'join':
      hearJoin(turn, event.from, event.departure);
      return;
    case 'force-join':
      forceJoin(turn);
      return;
    case 'force-takeover':
      forceTakeover(turn);
      return;
    case 'fence-opened':
      takeOwnership(turn, event.expiresAtUs);
      // It may have become unfit while the kernel opened.
      endUnfitOwnership(turn);
      return;
    case 'fence-refreshed':
      noteRefresh(turn, event.expiresAtUs, event.restsOnWitness);
      return;
    case 'fence-refused':
      fenceRefused(turn, event.reason);
      return;
    case 'fence-closed':
      finishClosing(turn);
      return;
    case 'fence-close-failed':
      return;
    case 'fitness':
      changeFitness(turn, event.fitness);
      return;
    case 'identity-persisted':
      noteJointWritten(turn, event.configHash);
      return;
    case 'configured':
      takeConfig(turn, event.config, event.fitness);
      return;
    case 'hand-over':
      handOver(turn, event.to);
      return;
    case 'clock-gap':
      startOver(turn);
      return;
    case 'stop':
      stop(turn, false);
      return;
    case 'depart':
      // With more than two agents the others have a majority without this one, and need nobody's vote for good.
      stop(turn, turn.config.peers.length === 1);
      return;
    case 'tick':
      return;
  }
}

/** After a suspension others may own by now, and the kernel's timers have not counted it: the fence closes first of all. */
function startOver(turn: Turn): void {
  const { role, nowUs } = turn;
  if (role.name === 'active') startClosing(turn, 'clock_gap', STAY);
  else if (role.name === 'candidate' && !role.opening) giveUpCandidacy(turn, 'clock_gap', downUs(turn));
  else if (role.name === 'backup') turn.role = { ...role, standAtUs: Math.max(role.standAtUs, nowUs + downUs(turn)) };
}

function noteHeartbeatSent(turn: Turn, to: string, sentAtUs: number): void {
  const peer = turn.peers[to];
  if (peer === undefined) return;
  peer.lastSentUs = sentAtUs;
  if (turn.role.name === 'active') peer.unackedSinceUs ??= sentAtUs;
}

/** What was not confirmed may have taken effect all the same: the fence counts as open until it is closed. */
function fenceRefused(turn: Turn, reason: string): void {
  const { role } = turn;
  if (role.name === 'candidate' && role.opening) {
    turn.role = { ...role, opening: false };
    // Nothing was tried. A later vote may make the lease long enough; if none comes, the candidacy ends.
    if (reason !== 'lease_too_short') abandonOpening(turn);
  } else if (role.name === 'active') {
    if (reason === 'lease_too_short') postponeRefresh(turn);
    else abandonOwnership(turn);
  }
}

/** What the state wants done by now, whichever event brought it there. */
function pursue(turn: Turn): void {
  const { role, nowUs } = turn;
  switch (role.name) {
    case 'backup':
      forgetInvitation(turn);
      if (nowUs >= standDueUs(turn)) stand(turn, role.standBecause);
      break;
    case 'closing':
      retryClosing(turn);
      break;
    case 'leaving':
      if (nowUs >= role.untilUs) leave(turn);
      break;
    case 'candidate':
      standAlone(turn);
      break;
    case 'active':
      endInvitation(turn);
      break;
    case 'initialize':
    case 'stopped':
      break;
  }
  pursueIdentityChange(turn);
  dropSpentPromise(turn);
  tendWitnessVote(turn);
  keepOwnership(turn);
}

/** The time by which stepMember wants a `tick`, in µs; Infinity once stopped. */
export function nextDeadlineUs(state: MemberState): number {
  return Math.min(roleDeadlineUs(state), witnessDeadlineUs(state));
}

function roleDeadlineUs(state: MemberState): number {
  const { role, config } = state;
  switch (role.name) {
    case 'initialize':
    case 'leaving':
      return role.untilUs;
    case 'backup':
      return Math.min(standDueUs(state), role.ready?.untilUs ?? Number.POSITIVE_INFINITY);
    case 'candidate':
      return role.opening ? Number.POSITIVE_INFINITY : Math.min(role.untilUs, role.aloneAtUs);
    case 'active':
      return Math.min(
        role.fenceExpiresAtUs,
        role.advertiseAtUs,
        refreshDueUs(state, ownershipEndUs(state)),
        role.invitation?.untilUs ?? Number.POSITIVE_INFINITY,
      );
    case 'closing':
      return Math.min(role.retryAtUs, closedByItselfUs(role.fenceExpiresAtUs, config));
    case 'stopped':
      return Number.POSITIVE_INFINITY;
  }
}

function witnessDeadlineUs(state: MemberState): number {
  const wantedFromUs = witnessWantedFromUs(state);
  return Math.max(wantedFromUs, wantedFromUs === Number.POSITIVE_INFINITY ? wantedFromUs : state.witness.nextAskUs);
}
