/** The witness breaks ties, and where the number of agents is odd there are none: its vote would be one too many. */
export function witnessVotes(agents: number, witness: boolean): boolean {
  return witness && agents % 2 === 0;
}

/** Voters are all *configured* agents, and the witness if their number is even (DESIGN section 3). */
export function voterCount(agents: number, witness: boolean): number {
  return witnessVotes(agents, witness) ? agents + 1 : agents;
}

/** The votes that an owner needs, its own included. */
export function votesNeeded(agents: number, witness: boolean): number {
  return Math.floor(voterCount(agents, witness) / 2) + 1;
}

/**
 * When the lease ends: the holder's own vote lasts as long as it owns, so the lease ends when the last of the
 * `needed - 1` longest other votes does. Without that many votes it has ended already (-Infinity).
 */
export function leaseEndUs(otherVotesUntilUs: readonly number[], needed: number): number {
  if (needed <= 1) return Number.POSITIVE_INFINITY;
  let endUs = Number.NEGATIVE_INFINITY;
  for (const untilUs of otherVotesUntilUs) {
    if (untilUs > endUs && votesThatLast(otherVotesUntilUs, untilUs) >= needed - 1) endUs = untilUs;
  }
  return endUs;
}

function votesThatLast(votesUntilUs: readonly number[], atUs: number): number {
  let count = 0;
  for (const untilUs of votesUntilUs) if (untilUs >= atUs) count += 1;
  return count;
}
