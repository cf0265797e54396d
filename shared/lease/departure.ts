/**
 * L17, the planned leave of one of two agents. The leaver binds its register to the survivor without end, and both write
 * that down; from then on the survivor counts the departed vote for ever, whatever becomes of the witness. The leaver that
 * comes back first acks the survivor; the survivor counts those acks instead, writes down that it no longer counts the
 * departed vote, and answers JOIN, which alone (or an operator) frees the register. Each departure has a ballot of its own
 * as its name, so that what was said of an earlier one means nothing.
 */
import { type Ballot, compareBallots, sameBallot } from './ballot.ts';
import { KAPPA, PROMISE_MAX_MS } from './constants.ts';
import { forgetPromise, persistPromise } from './kept-promise.ts';
import { boundTo } from './register.ts';
import { currentLeaseEndUs, promiseForMs, promiseUs, type Turn, takeNextBallot } from './turn.ts';

/** What a survivor has on disk of the peer that left last; kept also when it counts no more, for late datagrams' sake. */
export type DepartedVote = { readonly voter: string; readonly departure: Ballot; readonly counts: boolean };

export type DepartedView = {
  readonly vote: DepartedVote | undefined;
  /** what was asked to be written and is not confirmed yet */
  readonly asked: { readonly vote: DepartedVote; readonly atUs: number } | undefined;
};

export const NOBODY_DEPARTED: DepartedView = { vote: undefined, asked: undefined };

const ASK_AGAIN_US = 2_000_000;
/** The survivor's fence may rest on the departed vote still: for 1.5 s at the most, by clocks 8 % apart. */
const AFTER_JOIN_US = 2_000_000;

/** Whether this node's own register is bound by its departure, so that nothing but JOIN frees it. */
export function hasDeparted({ kept }: Turn): boolean {
  return kept.written?.kind === 'departed';
}

/** The leaver has voted for its successor's ownership: now it binds itself for good. */
export function departTo(turn: Turn, survivor: string, ballot: Ballot): void {
  const { written, asked } = turn.kept;
  if (written?.kind === 'departed') {
    const { departure } = written;
    turn.effects.push({ type: 'send-depart', to: survivor, ballot: written.ballot, departure });
    return;
  }
  const departure = asked?.promise.kind === 'departed' ? asked.promise.departure : takeNextBallot(turn);
  persistPromise(turn, { kind: 'departed', holder: survivor, ballot, departure });
}

/** The leaver's departure is on disk: the survivor may count on it. */
export function announceDeparture(turn: Turn): void {
  const { written } = turn.kept;
  if (written?.kind !== 'departed') return;
  const { holder, ballot, departure } = written;
  const bound = boundTo(turn.register, turn.nowUs);
  if (turn.role.name !== 'leaving' || (bound !== undefined && bound.holder !== holder)) return;
  turn.register = { ...turn.register, bound: { holder, ballot, untilUs: Number.POSITIVE_INFINITY } };
  turn.effects.push({ type: 'send-depart', to: holder, ballot, departure });
}

/** The survivor is told of a departure. */
export function hearDepart(turn: Turn, from: string, departure: Ballot): void {
  const { vote } = turn.departed;
  const order = vote?.voter === from ? compareBallots(departure, vote.departure) : 1;
  if (turn.peers[from] === undefined || order < 0) return;
  if (order > 0) write(turn, { voter: from, departure, counts: true });
  else if (vote?.counts === true) turn.effects.push({ type: 'send-departed', to: from, departure });
}

/** Whether the survivor has confirmed the departure under way, so that the leaver may go. */
export function isDepartureNoted({ kept }: Turn, from: string, departure: Ballot): boolean {
  const { written } = kept;
  return written?.kind === 'departed' && written.holder === from && sameBallot(written.departure, departure);
}

/** The returned leaver asks with each ack; whoever has the answer already is not bound any more. */
export function askToJoin(turn: Turn, survivor: string): void {
  const { written } = turn.kept;
  if (turn.role.name === 'leaving' || written?.kind !== 'departed' || written.holder !== survivor) return;
  turn.effects.push({ type: 'send-join', to: survivor, departure: written.departure });
}

/** JOIN: an answer if this node's register is bound by that departure, else the question of a returned leaver. */
export function hearJoin(turn: Turn, from: string, departure: Ballot): void {
  const peer = turn.peers[from];
  if (peer === undefined) return;
  if (isDepartureNoted(turn, from, departure)) {
    if (turn.role.name === 'leaving') return;
    const { bound } = turn.register;
    const promiseMs = promiseForMs(turn.config, turn.peers[from]?.promiseMs ?? PROMISE_MAX_MS);
    const untilUs = turn.nowUs + Math.max(AFTER_JOIN_US, promiseMs * 1000);
    if (bound?.holder === from) turn.register = { ...turn.register, bound: { ...bound, untilUs } };
    forgetPromise(turn);
    return;
  }
  // A late answer to a departure of this node's own that is over: taken for a question it would be answered for ever.
  if (departure.node !== from) return;
  const { vote, asked } = turn.departed;
  const order = vote?.voter === from ? compareBallots(departure, vote.departure) : 1;
  if (order < 0) return;
  if (order === 0 && vote?.counts === false) {
    if (asked === undefined) turn.effects.push({ type: 'send-join', to: from, departure });
    else write(turn, { voter: from, departure, counts: false });
    return;
  }
  const after: DepartedVote = { voter: from, departure, counts: false };
  const before = turn.departed;
  const { voteUntilUs } = peer;
  turn.departed = { ...before, vote: after };
  // A departure that was never counted ends the promises before it all the same: the leaver is bound for so long after JOIN.
  if (order > 0) {
    const boundForUs = Math.max(AFTER_JOIN_US, promiseUs(turn.config));
    peer.voteUntilUs = Math.min(voteUntilUs, turn.nowUs + KAPPA * boundForUs);
  }
  // An owner must be able to go on without it.
  if (turn.role.name === 'active' && currentLeaseEndUs(turn) < turn.nowUs + turn.config.intervalUs) {
    turn.departed = before;
    peer.voteUntilUs = voteUntilUs;
    return;
  }
  if (order > 0) peer.countsFromUs = turn.nowUs;
  write(turn, after);
}

/** What the survivor wrote is on disk: only now it counts, and only now the other side hears of it. */
export function noteDepartedWritten(turn: Turn, written: DepartedVote): void {
  const { asked } = turn.departed;
  if (asked === undefined || !sameVote(asked.vote, written)) return;
  turn.departed = { vote: written, asked: undefined };
  const peer = turn.peers[written.voter];
  // The departure stands for every promise before it, however long: once it is over, only what was asked for since counts.
  if (written.counts && peer !== undefined) {
    peer.voteUntilUs = Number.NEGATIVE_INFINITY;
    peer.countsFromUs = turn.nowUs;
  }
  const { voter: to, departure } = written;
  turn.effects.push(written.counts ? { type: 'send-departed', to, departure } : { type: 'send-join', to, departure });
}

/** An operator vouches for it that the survivor is gone for good, or no longer counts on this node. */
export function forceJoin(turn: Turn): void {
  if (!hasDeparted(turn) || turn.role.name === 'leaving') return;
  turn.register = { ...turn.register, bound: undefined };
  forgetPromise(turn);
  if (turn.role.name === 'backup') turn.role = { ...turn.role, standAtUs: turn.nowUs, standBecause: 'forced' };
}

function write(turn: Turn, vote: DepartedVote): void {
  const { asked } = turn.departed;
  if (asked !== undefined && sameVote(asked.vote, vote) && turn.nowUs < asked.atUs + ASK_AGAIN_US) return;
  turn.departed = { ...turn.departed, asked: { vote, atUs: turn.nowUs } };
  turn.effects.push({ type: 'persist-departed', departed: vote });
}

function sameVote(left: DepartedVote, right: DepartedVote): boolean {
  return left.voter === right.voter && left.counts === right.counts && sameBallot(left.departure, right.departure);
}
