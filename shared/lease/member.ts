/**
 * One agent's part in one group: voter, candidate and holder in a single pure machine.
 *
 * Theory of operation. Everyone stands, votes and owns by ballots. While nothing happens, the owner's heartbeats renew the
 * votes of the others (voter.ts), and each ack lets it refresh the fence (holder.ts). When acks come late it asks the
 * witness; when heartbeats stay away a backup does the same, a little later (witness-vote.ts). A backup whose down timer
 * fires stands (candidate.ts); with a majority it has the fence opened, and only the kernel's confirmation makes it the
 * owner. An owner without a majority closes the fence before anyone else can have one.
 *
 * The caller performs the effects in order, feeds fence outcomes back at once, and calls again no later than
 * nextDeadlineUs().
 */
import { type Ballot, compareBallots, NO_BALLOT } from './ballot.ts';
import { giveUpCandidacy, promote, raiseCandidacy, stand } from './candidate.ts';
import type { Verdict } from './claim.ts';
import { KAPPA, PROMISE_MAX_MS } from './constants.ts';
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
  startClosing,
  takeOwnership,
} from './holder.ts';
import type { MemberConfig, MemberEffect, MemberEvent, MemberState, PeerView } from './member.types.ts';
import { FREE_REGISTER, release } from './register.ts';
import { become, beginTurn, currentLeaseEndUs, downUs, endTurn, see, type Turn } from './turn.ts';
import { hearClaim, hearRelease, hearTransfer } from './voter.ts';
import { giveWitnessVoteBack, raiseOwnership, tendWitnessVote, witnessWantedFromUs } from './witness-vote.ts';

const WITNESS_RETRY_MAX_US = 1_000_000;

/** An agent that has just started: L9 keeps it from voting and standing for PROMISE_MAX. */
export function startMember(config: MemberConfig, nowUs: number): MemberState {
  const unknown: PeerView = {
    voteUntilUs: Number.NEGATIVE_INFINITY,
    unackedSinceUs: undefined,
    lastSentUs: undefined,
    verdict: undefined,
    verdictAtUs: Number.NEGATIVE_INFINITY,
    heardAtUs: Number.NEGATIVE_INFINITY,
  };
  const usedBefore = { counter: config.usedCounter, node: config.node };
  return {
    config,
    // L10: what an earlier run granted or used is refused still, for both nodes may have started anew.
    register: { ...FREE_REGISTER, highestGranted: usedBefore },
    highestSeen: usedBefore,
    peers: Object.fromEntries(config.peers.map((node) => [node, unknown])),
    witness: {
      voteUntilUs: Number.NEGATIVE_INFINITY,
      asked: undefined,
      nextAskUs: Number.NEGATIVE_INFINITY,
      wantedSinceUs: undefined,
      returning: false,
      released: NO_BALLOT,
      refusal: undefined,
    },
    seed: config.seed,
    role: { name: 'initialize', untilUs: nowUs + PROMISE_MAX_MS * 1000 },
  };
}

/** `nowUs`: CLOCK_BOOTTIME in µs, never less than in the step before. */
export function stepMember(
  state: MemberState,
  event: MemberEvent,
  nowUs: number,
): { state: MemberState; effects: MemberEffect[] } {
  const turn = beginTurn(state, nowUs);
  endWhatHasRunOut(turn);
  apply(turn, event);
  pursue(turn);
  return { state: endTurn(turn), effects: turn.effects };
}

/** An owner whose fence has run out is none, whatever the event says that comes first after a pause. */
function endWhatHasRunOut(turn: Turn): void {
  const { role, nowUs } = turn;
  if (role.name === 'active' && nowUs >= role.fenceExpiresAtUs) startClosing(turn, 'lease_ended', { kind: 'stay' });
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
    case 'advertisement':
      // L4: advertisements start timers and nothing else.
      if (turn.role.name === 'backup') {
        const waitUs = event.priority === 0 ? turn.config.skewUs : downUs(turn.config);
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
    case 'fence-opened':
      takeOwnership(turn, event.expiresAtUs);
      return;
    case 'fence-refreshed':
      noteRefresh(turn, event.expiresAtUs);
      return;
    case 'fence-refused':
      fenceRefused(turn, event.reason);
      return;
    case 'fence-closed':
      finishClosing(turn);
      return;
    case 'fence-close-failed':
      return;
    case 'stop':
      stop(turn);
      return;
    case 'tick':
      return;
  }
}

function noteHeartbeatSent(turn: Turn, to: string, sentAtUs: number): void {
  const peer = turn.peers[to];
  if (peer === undefined) return;
  peer.lastSentUs = sentAtUs;
  if (turn.role.name === 'active') peer.unackedSinceUs ??= sentAtUs;
}

function hearVerdict(turn: Turn, from: string, sentAtUs: number, verdict: Verdict): void {
  const peer = turn.peers[from];
  if (peer === undefined) return;
  const { role, nowUs } = turn;
  peer.heardAtUs = nowUs;
  peer.verdict = verdict;
  peer.verdictAtUs = nowUs;
  if (role.name !== 'candidate' && role.name !== 'active') return;
  const standingSinceUs = role.name === 'active' ? role.standingSinceUs : role.sinceUs;
  // A promise for an earlier candidacy has been released since.
  if (sentAtUs < standingSinceUs) return;
  if (verdict.kind === 'granted') {
    const promiseMs = Math.min(verdict.promiseMs, PROMISE_MAX_MS);
    peer.voteUntilUs = Math.max(peer.voteUntilUs, sentAtUs + KAPPA * promiseMs * 1000);
    if (peer.unackedSinceUs !== undefined && sentAtUs >= peer.unackedSinceUs) {
      const newer = peer.lastSentUs !== undefined && peer.lastSentUs > sentAtUs;
      peer.unackedSinceUs = newer ? peer.lastSentUs : undefined;
    }
    promote(turn);
    return;
  }
  see(turn, verdict.highest);
  if (verdict.reason === 'lower_ballot') raise(turn, verdict.highest);
}

/** Someone has granted `highest`: go on above it (L10). */
function raise(turn: Turn, highest: Ballot): void {
  const { role, witness } = turn;
  switch (role.name) {
    case 'active':
      if (compareBallots(role.ballot, highest) <= 0) raiseOwnership(turn);
      return;
    case 'candidate':
      raiseCandidacy(turn);
      witness.nextAskUs = Number.NEGATIVE_INFINITY;
      return;
    case 'backup':
    case 'initialize':
    case 'closing':
    case 'leaving':
    case 'stopped':
      return;
  }
}

function hearWitnessGrant(turn: Turn, ballot: Ballot, promiseMs: number, sentAtUs: number): void {
  const { witness, nowUs } = turn;
  // L6: what is no longer wanted goes back; a grant of what has been given back already counts for nothing.
  if (witness.asked === undefined || compareBallots(ballot, witness.released) <= 0) {
    turn.effects.push({ type: 'release-witness', ballot });
    return;
  }
  const untilUs = sentAtUs + KAPPA * Math.min(promiseMs, PROMISE_MAX_MS) * 1000;
  witness.voteUntilUs = Math.max(witness.voteUntilUs, untilUs);
  witness.refusal = undefined;
  if (witness.voteUntilUs > nowUs) promote(turn);
}

function hearWitnessRefusal(
  turn: Turn,
  refusal: { reason: string; remainingMs: number; highest: Ballot; holder: string | undefined },
): void {
  const { witness, nowUs } = turn;
  see(turn, refusal.highest);
  const remainingUs = refusal.remainingMs * 1000;
  witness.refusal = { reason: refusal.reason, untilUs: nowUs + remainingUs, holder: refusal.holder };
  if (refusal.reason === 'lower_ballot') {
    if (turn.role.name === 'backup') witness.asked = undefined;
    raise(turn, refusal.highest);
    witness.nextAskUs = nowUs;
    return;
  }
  const waitUs = remainingUs === 0 ? WITNESS_RETRY_MAX_US : remainingUs;
  witness.nextAskUs = nowUs + Math.min(waitUs, WITNESS_RETRY_MAX_US);
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

function stop(turn: Turn): void {
  const { role } = turn;
  switch (role.name) {
    case 'active':
      startClosing(turn, 'stop', { kind: 'leave' });
      return;
    case 'closing':
      turn.role = { ...role, after: { kind: 'leave' } };
      return;
    case 'candidate':
      turn.register = release(turn.register, turn.config.node, role.ballot);
      turn.effects.push({ type: 'send-release', ballot: role.ballot });
      leave(turn);
      return;
    case 'initialize':
    case 'backup':
    case 'leaving':
      leave(turn);
      return;
    case 'stopped':
      return;
  }
}

function leave(turn: Turn): void {
  giveWitnessVoteBack(turn);
  become(turn, { name: 'stopped' }, 'left');
  turn.effects.push({ type: 'stopped' });
}

/** What the state wants done by now, whichever event brought it there. */
function pursue(turn: Turn): void {
  const { role, nowUs, config } = turn;
  switch (role.name) {
    case 'initialize':
      if (nowUs >= role.untilUs) {
        const standAtUs = nowUs + downUs(config);
        const backup = { name: 'backup', standAtUs, heardAtUs: undefined, standBecause: 'down_timer' } as const;
        become(turn, backup, 'quarantine_over');
      }
      break;
    case 'backup':
      if (nowUs >= role.standAtUs) stand(turn, role.standBecause);
      break;
    case 'closing':
      retryClosing(turn);
      break;
    case 'leaving':
      if (nowUs >= role.untilUs) leave(turn);
      break;
    case 'candidate':
    case 'active':
    case 'stopped':
      break;
  }
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
      return role.standAtUs;
    case 'candidate':
      return role.opening ? Number.POSITIVE_INFINITY : role.untilUs;
    case 'active':
      return Math.min(role.fenceExpiresAtUs, role.advertiseAtUs, refreshDueUs(state, currentLeaseEndUs(state)));
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
