/** What the other voters answer to this node's requests (L2, L6, L10). */
import { type Ballot, compareBallots } from './ballot.ts';
import { promote, raiseCandidacy, requestVotes } from './candidate.ts';
import type { Verdict } from './claim.ts';
import { KAPPA, PROMISE_MAX_MS } from './constants.ts';
import { standAsInvited } from './invitation.ts';
import { promiseMaxMs, see, type Turn } from './turn.ts';
import { raiseOwnership } from './witness-vote.ts';

const WITNESS_RETRY_MAX_US = 1_000_000;

/** A peer's verdict on the heartbeat that left at `sentAtUs`. */
export function hearVerdict(turn: Turn, from: string, sentAtUs: number, verdict: Verdict): void {
  const peer = turn.peers[from];
  if (peer === undefined) return;
  const { nowUs } = turn;
  peer.heardAtUs = nowUs;
  peer.verdict = verdict;
  peer.verdictAtUs = nowUs;
  const wasBackup = turn.role.name === 'backup';
  if (wasBackup) standAsInvited(turn, from, sentAtUs, verdict);
  const { role } = turn;
  if (role.name !== 'candidate' && role.name !== 'active') return;
  const standingSinceUs = role.name === 'active' ? role.standingSinceUs : role.sinceUs;
  // A promise for an earlier candidacy has been released since.
  if (sentAtUs < Math.max(standingSinceUs, peer.countsFromUs)) return;
  if (verdict.kind === 'granted') {
    const promiseMs = Math.min(verdict.promiseMs, promiseMaxMs(turn.config));
    peer.voteUntilUs = Math.max(peer.voteUntilUs, sentAtUs + KAPPA * promiseMs * 1000);
    if (peer.unackedSinceUs !== undefined && sentAtUs >= peer.unackedSinceUs) {
      const newer = peer.lastSentUs !== undefined && peer.lastSentUs > sentAtUs;
      peer.unackedSinceUs = newer ? peer.lastSentUs : undefined;
    }
    promote(turn);
    if (wasBackup) requestVotes(turn);
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

export function hearWitnessGrant(turn: Turn, ballot: Ballot, promiseMs: number, sentAtUs: number): void {
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

export function hearWitnessRefusal(
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
