import {
  type VotingRequest,
  type WitnessVote,
  type WitnessVoter,
  witnessVoteRemainingMs,
} from '@tiebreak/shared/lease';
import type { ClusterOccurrence, WitnessResult } from '@tiebreak/shared/wire';

/** Whoever stands asks again and again: the same refusal is told once in so long. */
const REFUSAL_AGAIN_MS = 60_000;
/** All groups of two nodes, each for a reason or two; whoever makes up names for groups fills neither memory nor history. */
const REFUSALS_MAX = 2_048;

export type Decided = {
  readonly before: WitnessVoter;
  readonly after: WitnessVoter;
  /** Null: time alone has changed something. */
  readonly asked: { readonly node: string; readonly request: VotingRequest; readonly result: WitnessResult } | null;
};

/** What is worth telling of the witness's decisions about votes. Renewals, which come every second, are not. */
export class VoteEvents {
  readonly #refusedAtMs = new Map<string, number>();

  /** `nowMs`: the wall clock of the decision. */
  of({ before, after, asked }: Decided, nowMs: number): ClusterOccurrence[] {
    const occurrences: ClusterOccurrence[] = [];
    if (before.recovery === null && after.recovery !== null) occurrences.push({ kind: 'recovery', state: 'started' });
    if (before.recovery !== null && after.recovery === null) occurrences.push({ kind: 'recovery', state: 'ended' });
    if (asked === null) return [...occurrences, ...endedVotes(before, after)];
    const { node, request, result } = asked;
    if (request.type !== 'vote' && request.type !== 'release') return occurrences;
    const vote = before.votes.get(request.group);
    const holder = holderOf(vote);
    if (result.kind === 'granted' && holder === node) return occurrences;
    const about = {
      kind: 'vote',
      group: request.group,
      node,
      ballot: { ...request.ballot },
      holder_before: holder,
      remaining_ms_before: witnessVoteRemainingMs(before, request.group, nowMs),
    } as const;
    if (result.kind === 'granted') {
      occurrences.push({ ...about, outcome: 'granted', reason: null, promise_ms: result.promise_ms });
    } else if (result.kind === 'released' && holder === node) {
      occurrences.push({ ...about, outcome: 'released', reason: null, promise_ms: null });
    } else if (result.kind === 'refused' && result.reason !== 'stale' && request.type === 'vote') {
      if (this.#isNews(`${request.group} ${node} ${result.reason}`, nowMs)) {
        occurrences.push({ ...about, outcome: 'refused', reason: result.reason, promise_ms: null });
      }
    }
    return occurrences;
  }

  #isNews(refusal: string, nowMs: number): boolean {
    const toldAtMs = this.#refusedAtMs.get(refusal) ?? Number.NEGATIVE_INFINITY;
    if (Math.abs(nowMs - toldAtMs) < REFUSAL_AGAIN_MS) return false;
    // Told longest ago comes first. While all of them are news, nothing else is.
    this.#refusedAtMs.delete(refusal);
    for (const [oldest, atMs] of this.#refusedAtMs) {
      if (Math.abs(nowMs - atMs) < REFUSAL_AGAIN_MS) break;
      this.#refusedAtMs.delete(oldest);
    }
    if (this.#refusedAtMs.size >= REFUSALS_MAX) return false;
    this.#refusedAtMs.set(refusal, nowMs);
    return true;
  }
}

function holderOf(vote: WitnessVote | undefined): string | null {
  return vote?.kind === 'held' ? vote.ballot.node : null;
}

function endedVotes(before: WitnessVoter, after: WitnessVoter): ClusterOccurrence[] {
  return [...before.votes].flatMap(([group, vote]) => {
    if (vote.kind !== 'held' || after.votes.get(group)?.kind === 'held') return [];
    const { ballot } = vote;
    return [
      {
        kind: 'vote',
        group,
        node: ballot.node,
        ballot: { ...ballot },
        outcome: 'ended',
        reason: null,
        promise_ms: null,
        holder_before: ballot.node,
        remaining_ms_before: 0,
      } as const,
    ];
  });
}
