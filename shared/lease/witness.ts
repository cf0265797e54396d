/**
 * The witness's vote (L1, L10 to L16): a pure core. `wakeWitness` starts an instance from what storage holds,
 * `decideWitness` answers one request, `witnessTimerRanOut` is told of each timer. Every function returns the next voter
 * and the effects that must be performed, in order, before the answer leaves.
 */
import { agreedProtocol, WITNESS_PROTOCOLS } from '../wire/protocols.ts';
import type { WitnessResult } from '../wire/witness.ts';
import { sameBallot } from './ballot.ts';
import { FRESH_MS, TTL_MAX_MS } from './constants.ts';
import type {
  FreeRegister,
  VotingRequest,
  WitnessAnswer,
  WitnessDecision,
  WitnessEffect,
  WitnessMemory,
  WitnessQuestion,
  WitnessStep,
  WitnessVote,
  WitnessVoter,
} from './witness.types.ts';
import { type Binding, bind, isOver, remainingMs, timerChanges, waitsFor, withoutTimer } from './witness-binding.ts';
import { decideRelease, decideVote, refuse, withVote } from './witness-register.ts';

/**
 * What a witness knows whose storage is new. It may be new because the former one was lost, with promises that still bind
 * by an agent's belief: so it begins by waiting, also if nobody ever shows it a later serial (L14).
 */
export const NEW_WITNESS: WitnessMemory = { serial: 0, recovering: true, registers: new Map(), answers: new Map() };

/** L12: every wake is a new instance. What it finds held stays bound for TTL_MAX from here; what it finds free is free. */
export function wakeWitness(memory: WitnessMemory, nowMs: number): WitnessStep {
  const effects: WitnessEffect[] = [];
  const votes = new Map<string, WitnessVote>();
  let timer = 0;
  const waitInFull = (): Binding => {
    timer += 1;
    effects.push({ kind: 'start_timer', timer, delayMs: TTL_MAX_MS });
    return bind(null, TTL_MAX_MS, timer, nowMs);
  };
  for (const [group, register] of memory.registers) {
    votes.set(group, register.kind === 'free' ? register : { ...register, binding: waitInFull(), inherited: true });
  }
  const recovery = memory.recovering ? waitInFull() : null;
  const { serial, answers } = memory;
  return { voter: { serial, recovery, votes, answers, nextTimer: timer + 1 }, effects };
}

/** Decides one request. `nowMs` is the wall clock; read it once per request. */
export function decideWitness(voter: WitnessVoter, question: WitnessQuestion, nowMs: number): WitnessDecision {
  const noticed = noticeLostState(voter, question.request.serial, nowMs);
  const decided = decide(noticed.voter, question, nowMs);
  return { ...decided, effects: [...noticed.effects, ...decided.effects] };
}

/** A timer of this instance has run out. A timer that was stopped, or that is not known, changes nothing. */
export function witnessTimerRanOut(voter: WitnessVoter, timer: number, nowMs: number): WitnessStep {
  if (voter.recovery !== null && waitsFor(voter.recovery, timer)) return recoverOn(voter, voter.recovery, timer, nowMs);
  for (const [group, vote] of voter.votes) {
    if (vote.kind === 'free' || !waitsFor(vote.binding, timer)) continue;
    const binding = withoutTimer(vote.binding, timer);
    if (isOver(binding, nowMs)) {
      const register: FreeRegister = { kind: 'free', ballot: vote.ballot, retired: false };
      return {
        voter: withVote(voter, group, register),
        effects: [
          { kind: 'store_vote', group, register, serial: voter.serial, answered: null },
          { kind: 'announce_free', group, except: vote.ballot.node },
        ],
      };
    }
    const waiting = waitOn(voter, binding, nowMs);
    return { voter: withVote(waiting.voter, group, { ...vote, binding: waiting.binding }), effects: waiting.effects };
  }
  return { voter, effects: [] };
}

/** How long the group's vote binds the witness still, in ms; 0 when it is free. */
export function witnessVoteRemainingMs(voter: WitnessVoter, group: string, nowMs: number): number {
  const vote = voter.votes.get(group);
  return vote === undefined || vote.kind === 'free' ? 0 : remainingMs(vote.binding, nowMs);
}

/** How long the witness still gives its vote to nobody because its storage is new or was lost, in ms (L14). */
export function witnessRecoveryRemainingMs(voter: WitnessVoter, nowMs: number): number {
  return voter.recovery === null ? 0 : remainingMs(voter.recovery, nowMs);
}

/** Whether this instance still waits for the end of a promise which a former one made: it must not fall asleep (L12). */
export function witnessOwesWaiting(voter: WitnessVoter): boolean {
  return voter.recovery !== null || [...voter.votes.values()].some((vote) => vote.kind === 'held' && vote.inherited);
}

/** Whether any vote is held, so that an alarm has to wake an instance that frees it (L12). */
export function witnessHoldsVotes(voter: WitnessVoter): boolean {
  return voter.recovery !== null || [...voter.votes.values()].some((vote) => vote.kind === 'held');
}

/** L14: a serial that this witness never gave is one that it has forgotten, together with what it promised then. */
function noticeLostState(voter: WitnessVoter, serial: number, nowMs: number): WitnessStep {
  if (serial <= voter.serial) return { voter, effects: [] };
  const timer = voter.nextTimer;
  const recovery = bind(voter.recovery, TTL_MAX_MS, timer, nowMs);
  return {
    voter: { ...voter, serial, recovery, nextTimer: timer + 1 },
    effects: [{ kind: 'store_recovery', serial, recovering: true }, ...timerChanges(voter.recovery, recovery)],
  };
}

function decide(voter: WitnessVoter, { node, request, rivalHashes }: WitnessQuestion, nowMs: number): WitnessDecision {
  // Hello binds nobody and brings the first stamp: it has no place in the order, and no proof of being fresh.
  if (request.type === 'hello') {
    const protocol = agreedProtocol(request.protocols);
    const result: WitnessResult =
      protocol === undefined
        ? { kind: 'protocol_refused', protocols: [...WITNESS_PROTOCOLS] }
        : { kind: 'welcome', protocol };
    return { voter, effects: [], result };
  }

  const former = voter.answers.get(node);
  const order = former === undefined ? 1 : compareOrder(request, former);
  if (former !== undefined && order === 0 && answers(former.result, request)) {
    return { voter, effects: [], result: former.result };
  }
  if (request.type === 'rehearsal') {
    const result: WitnessResult = { kind: 'rehearsed' };
    const { incarnation, sequence } = request;
    // Below the last request it is as good a measure, hence a write too: of what is stored already.
    const answer = former !== undefined && order <= 0 ? former : { incarnation, sequence, result };
    return { voter: withAnswer(voter, node, answer), effects: [{ kind: 'store_answer', node, answer }], result };
  }
  if (order <= 0) return refuse(voter, request, 'stale', 0);
  const aged = Math.abs(nowMs - request.stamp_ms - request.stamp_age_ms) > FRESH_MS;
  const decision = aged
    ? refuse(voter, request, 'stale', 0)
    : request.ballot.node !== node
      ? refuse(voter, request, 'unknown_node', 0)
      : request.type === 'vote'
        ? decideVote(voter, request, rivalHashes, nowMs)
        : decideRelease(voter, request, nowMs);
  const { incarnation, sequence } = request;
  return answered(decision, node, { incarnation, sequence, result: decision.result });
}

/** Keeps the answer for repeats (L13): in the row that the decision writes anyway, if it writes one. */
function answered(decision: WitnessDecision, node: string, answer: WitnessAnswer): WitnessDecision {
  const effects = decision.effects.map((effect) =>
    effect.kind === 'store_vote' ? { ...effect, answered: { node, answer } } : effect,
  );
  return { ...decision, voter: withAnswer(decision.voter, node, answer), effects };
}

function recoverOn(voter: WitnessVoter, recovery: Binding, timer: number, nowMs: number): WitnessStep {
  const left = withoutTimer(recovery, timer);
  if (isOver(left, nowMs)) {
    return {
      voter: { ...voter, recovery: null },
      effects: [{ kind: 'store_recovery', serial: voter.serial, recovering: false }],
    };
  }
  const waiting = waitOn(voter, left, nowMs);
  return { voter: { ...waiting.voter, recovery: waiting.binding }, effects: waiting.effects };
}

/** The last timer has run out before the wall clock got there: one more for the rest, so that none waits for ever. */
function waitOn(
  voter: WitnessVoter,
  binding: Binding,
  nowMs: number,
): { voter: WitnessVoter; binding: Binding; effects: WitnessEffect[] } {
  if (binding.waits.length > 0) return { voter, binding, effects: [] };
  const timer = voter.nextTimer;
  const longer = bind(binding, remainingMs(binding, nowMs), timer, nowMs);
  return { voter: { ...voter, nextTimer: timer + 1 }, binding: longer, effects: timerChanges(binding, longer) };
}

type Order = { readonly incarnation: number; readonly sequence: number };

function compareOrder(left: Order, right: Order): number {
  return left.incarnation === right.incarnation ? left.sequence - right.sequence : left.incarnation - right.incarnation;
}

/** Whether the stored result can be the answer to that request: the same number on another request gets none. */
function answers(result: WitnessResult, request: Exclude<VotingRequest, { type: 'hello' }>): boolean {
  switch (result.kind) {
    case 'granted':
      return request.type === 'vote' && request.group === result.group && sameBallot(request.ballot, result.ballot);
    case 'released':
      return request.type === 'release' && request.group === result.group;
    case 'refused':
      return request.type !== 'rehearsal' && request.group === result.group;
    case 'rehearsed':
      return request.type === 'rehearsal';
    case 'welcome':
    case 'protocol_refused':
    case 'relayed':
    case 'relay_refused':
    case 'reported':
    case 'report_refused':
      return false;
  }
}

function withAnswer(voter: WitnessVoter, node: string, answer: WitnessAnswer): WitnessVoter {
  return { ...voter, answers: new Map(voter.answers).set(node, answer) };
}
