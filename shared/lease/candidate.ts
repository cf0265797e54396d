import { type Ballot, sameBallot } from './ballot.ts';
import { hasDeparted } from './departure.ts';
import { forgetPromise } from './kept-promise.ts';
import type { Cause } from './member.types.ts';
import { bind, boundTo, free, isGrantable, release } from './register.ts';
import {
  become,
  becomeBackup,
  downUs,
  needed,
  ownershipEndUs,
  promiseUs,
  type Turn,
  takeNextBallot,
  takeRandom,
} from './turn.ts';
import { giveWitnessVoteBack, isWitnessAnswerDue } from './witness-vote.ts';

/** Stands for the group, unless this node's own vote is still promised to someone else (L1). */
export function stand(turn: Turn, cause: Cause): void {
  becomeCandidate(turn, cause);
  promote(turn);
  requestVotes(turn);
}

/** Asks everybody at once, unless the votes at hand were enough. */
export function requestVotes(turn: Turn): void {
  if (turn.role.name === 'candidate' && !turn.role.opening) turn.effects.push({ type: 'send-heartbeat' });
}

/** As `stand`, but nobody is asked yet. */
export function becomeCandidate(turn: Turn, cause: Cause): void {
  const { config, nowUs, role } = turn;
  if (role.name !== 'backup') return;
  // L16: where other votes count, another witness's for one, both could have a majority. Only the peer's own word ends that,
  // or an operator's; silence does not.
  if (Object.values(turn.peers).some(({ differs }) => differs)) {
    turn.role = { ...role, standAtUs: nowUs + downUs(turn) };
    return;
  }
  const bound = boundTo(turn.register, nowUs);
  if (bound !== undefined) {
    turn.role = { ...role, standAtUs: bound.untilUs };
    return;
  }
  const { ballot, sinceUs } = standsWith(turn);
  const untilUs = nowUs + promiseUs(config);
  const own = bind(turn.register, config.node, ballot, untilUs, nowUs);
  if (!own.ok) {
    // Meanwhile this node has granted a higher ballot than the one that the witness knows of.
    giveWitnessVoteBack(turn);
    turn.role = { ...role, standAtUs: nowUs };
    return;
  }
  turn.register = own.register;
  for (const peer of Object.values(turn.peers)) peer.voteUntilUs = Number.NEGATIVE_INFINITY;
  const aloneAtUs = config.policy.name === 'available' ? nowUs + config.intervalUs : Number.POSITIVE_INFINITY;
  become(turn, { name: 'candidate', ballot, sinceUs, untilUs, opening: false, aloneAtUs, alone: false }, cause);
}

/** A candidate's ballot, and since when votes may have been given for it. */
function standsWith(turn: Turn): { readonly ballot: Ballot; readonly sinceUs: number } {
  const { role, register, nowUs } = turn;
  const { asked } = turn.witness;
  const ready = role.name === 'backup' ? role.ready : undefined;
  // Others, or the owner itself, may have gone on to higher ballots since the invitation.
  const isUsable = ready !== undefined && isGrantable(register, ready.ballot);
  if (isUsable && (asked === undefined || sameBallot(asked, ready.ballot))) return ready;
  // A vote that the witness gave while the down timer ran is a vote for that ballot.
  return { ballot: asked ?? takeNextBallot(turn), sinceUs: nowUs };
}

/** With a majority that still holds now, and the own register still bound to this node (L6), the fence may be opened. */
export function promote(turn: Turn): void {
  const { role, nowUs } = turn;
  if (role.name !== 'candidate' || role.opening) return;
  const own = boundTo(turn.register, nowUs);
  if (own?.holder !== turn.config.node) return;
  const leaseEndUs = ownershipEndUs(turn);
  if (leaseEndUs <= nowUs) return;
  turn.role = { ...role, opening: true };
  turn.effects.push({ type: 'open-fence', leaseEndUs });
}

/** Policy `available`: with no other voter there, or none that says a word, a candidate does as plain VRRP would. */
export function standAlone(turn: Turn): void {
  const { role, nowUs } = turn;
  if (role.name !== 'candidate' || nowUs < role.aloneAtUs) return;
  const { refusal } = turn.witness;
  const bound = refusal?.holder !== undefined && refusal.holder !== turn.config.node && refusal.untilUs > nowUs;
  turn.role = { ...role, aloneAtUs: Number.POSITIVE_INFINITY, alone: hearsNobodySince(turn, role.sinceUs) && !bound };
  promote(turn);
}

function hearsNobodySince({ peers }: Turn, sinceUs: number): boolean {
  return Object.values(peers).every(({ heardAtUs }) => heardAtUs < sinceUs);
}

/** An operator says that whoever holds this node's vote is gone: the vote is free, and this node stands at once. */
export function forceTakeover(turn: Turn): void {
  const { role, nowUs } = turn;
  // What departed is freed by JOIN, or by an operator who says so (L17).
  if ((role.name !== 'backup' && role.name !== 'initialize') || hasDeparted(turn)) return;
  turn.register = { ...turn.register, bound: undefined };
  for (const peer of Object.values(turn.peers)) peer.differs = false;
  forgetPromise(turn);
  becomeBackup(turn, nowUs, 'forced', 'forced');
}

/** Frees whatever this candidacy has bound and stands again after skew + random(0..interval) (L1). */
export function giveUpCandidacy(turn: Turn, cause: Cause, delayUs = 0): void {
  const { role, config, nowUs } = turn;
  if (role.name !== 'candidate') return;
  for (const peer of Object.values(turn.peers)) peer.voteUntilUs = Number.NEGATIVE_INFINITY;
  const standAtUs = nowUs + delayUs + turn.fitness.skewUs + takeRandom(turn) * config.intervalUs;
  if (cause === 'votes_missing' && mayGoOn(turn, role.sinceUs)) {
    // Nobody is told: a release that comes late would free what is granted to the same ballot by then.
    turn.register = free(turn.register, config.node);
    becomeBackup(turn, standAtUs, cause);
    if (turn.role.name === 'backup') turn.role = { ...turn.role, goesOnAtUs: standAtUs };
    return;
  }
  turn.register = release(turn.register, config.node, role.ballot);
  turn.effects.push({ type: 'send-release', ballot: role.ballot });
  giveWitnessVoteBack(turn);
  becomeBackup(turn, standAtUs, cause);
}

/**
 * Whether the next candidacy goes on with the ballot of this one: no peer has been heard, the witness's vote would be enough, and its
 * answer takes longer than one candidacy. Under a new ballot, what it then grants would be a vote for the former one.
 */
function mayGoOn(turn: Turn, sinceUs: number): boolean {
  return needed(turn.config) === 2 && hearsNobodySince(turn, sinceUs) && isWitnessAnswerDue(turn);
}

/** Someone has granted a higher ballot: the same candidacy goes on under one above it, for no longer than before (L10). */
export function raiseCandidacy(turn: Turn): void {
  const { role, config, nowUs } = turn;
  if (role.name !== 'candidate' || role.opening) return;
  const ballot = takeNextBallot(turn);
  const own = bind(turn.register, config.node, ballot, role.untilUs, nowUs);
  if (!own.ok) return;
  turn.register = own.register;
  turn.role = { ...role, ballot };
  turn.effects.push({ type: 'send-heartbeat' });
}
