/** The rules of the one register that the witness has for each group (L1, L5, L10, L11, L15, L16). */

import type { z } from 'zod';
import type { RefusalReason, ReleaseRequest, VoteRequest } from '../wire/witness.ts';
import { compareBallots, highestBallot, NO_BALLOT } from './ballot.ts';
import { TTL_MAX_MS } from './constants.ts';
import type { FreeRegister, HeldRegister, WitnessDecision, WitnessVote, WitnessVoter } from './witness.types.ts';
import { type Binding, bind, remainingMs, timerChanges } from './witness-binding.ts';

type Vote = z.infer<typeof VoteRequest>;
type Release = z.infer<typeof ReleaseRequest>;

const NEVER_GRANTED: FreeRegister = { kind: 'free', ballot: NO_BALLOT, retired: false };

/** Grants, renews or refuses the vote for one group. */
export function decideVote(
  voter: WitnessVoter,
  request: Vote,
  rivalHashes: readonly string[],
  nowMs: number,
): WitnessDecision {
  const { group, ballot, config_hash: configHash } = request;
  if (voter.recovery !== null) {
    return refuse(voter, request, 'recovering', remainingMs(voter.recovery, nowMs));
  }
  const vote = voter.votes.get(group) ?? NEVER_GRANTED;
  const held = vote.kind === 'held';
  const renewal = held && vote.ballot.node === ballot.node;
  if (held && !renewal) {
    return refuse(voter, request, vote.inherited ? 'recovering' : 'bound', remainingMs(vote.binding, nowMs));
  }
  const order = compareBallots(ballot, vote.ballot);
  if (order < 0 || (order === 0 && vote.kind === 'free' && vote.retired)) {
    return refuse(voter, request, 'lower_ballot', 0);
  }
  // A holder whose own configuration has not changed keeps its vote, whatever another node turns up with.
  const trusted = held && vote.configHash === configHash;
  if (!trusted && rivalHashes.some((hash) => hash !== configHash)) {
    return refuse(voter, request, 'config_mismatch', 0);
  }
  return grant(voter, request, held ? vote.binding : null, nowMs);
}

function grant(voter: WitnessVoter, request: Vote, former: Binding | null, nowMs: number): WitnessDecision {
  const { group, ballot, config_hash: configHash } = request;
  const promiseMs = Math.min(request.promise_ms, TTL_MAX_MS);
  const timer = voter.nextTimer;
  const binding = bind(former, promiseMs, timer, nowMs);
  const register: HeldRegister = { kind: 'held', ballot, promiseMs, grantedAtMs: nowMs, configHash };
  const serial = Math.min(voter.serial + 1, Number.MAX_SAFE_INTEGER);
  const numbered: WitnessVoter = { ...voter, serial, nextTimer: timer + 1 };
  return {
    voter: withVote(numbered, group, { ...register, binding, inherited: false }),
    effects: [{ kind: 'store_vote', group, register, serial, answered: null }, ...timerChanges(former, binding)],
    result: { kind: 'granted', group, ballot, promise_ms: promiseMs },
  };
}

/** L5, L12: frees the vote of its holder only; whatever was released never lives again, granted or not. */
export function decideRelease(voter: WitnessVoter, request: Release, nowMs: number): WitnessDecision {
  const { group, ballot } = request;
  const vote = voter.votes.get(group) ?? NEVER_GRANTED;
  if (vote.kind === 'held') {
    if (vote.ballot.node !== ballot.node) return refuse(voter, request, 'bound', remainingMs(vote.binding, nowMs));
    if (compareBallots(ballot, vote.ballot) < 0) return refuse(voter, request, 'lower_ballot', 0);
  }
  const retires = compareBallots(ballot, vote.ballot) >= 0;
  const register: FreeRegister = {
    kind: 'free',
    ballot: highestBallot(ballot, vote.ballot),
    retired: retires || (vote.kind === 'free' && vote.retired),
  };
  return {
    voter: withVote(voter, group, register),
    effects: [
      { kind: 'store_vote', group, register, serial: voter.serial, answered: null },
      ...(vote.kind === 'held' ? timerChanges(vote.binding, null) : []),
      ...(vote.kind === 'held' ? [{ kind: 'announce_free', group, except: ballot.node } as const] : []),
    ],
    result: { kind: 'released', group },
  };
}

/** What cannot be given, why, and when it is worth asking again. */
export function refuse(
  voter: WitnessVoter,
  request: Vote | Release,
  reason: RefusalReason,
  remaining_ms: number,
): WitnessDecision {
  const { group } = request;
  const vote = voter.votes.get(group) ?? NEVER_GRANTED;
  const holder = vote.kind === 'held' ? vote.ballot.node : null;
  const { ballot: highest } = vote;
  return { voter, effects: [], result: { kind: 'refused', group, reason, remaining_ms, highest, holder } };
}

export function withVote(voter: WitnessVoter, group: string, vote: WitnessVote): WitnessVoter {
  return { ...voter, votes: new Map(voter.votes).set(group, vote) };
}
