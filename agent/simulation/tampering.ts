import type { FoundAtStart, MemberEffect, MemberEvent, MemberState } from '@tiebreak/shared/lease';

/**
 * What the defect gate changes in the simulated world, and nothing else ever does: between core and shell, and in what
 * stands in for kernel, disk and witness. Without any of it the world is as the rules want it.
 */
export type Tampering = {
  /** what a restarted agent makes of its directories */
  readonly found?: (found: FoundAtStart) => FoundAtStart;
  readonly event?: (event: MemberEvent, state: MemberState, nowUs: number) => MemberEvent;
  readonly state?: (after: MemberState, before: MemberState, event: MemberEvent) => MemberState;
  readonly effect?: (effect: MemberEffect, after: MemberState, event: MemberEvent) => MemberEffect;
  /** the fence: any element may be set at any time; opened without a sentinel; for the whole rest of the lease */
  readonly fence?: 'plain_set' | 'no_sentinel' | 'full_lifetime';
  /** the witness: a superseded instance answers from memory; a new one takes every vote for free; serials are not kept */
  readonly witness?: 'from_memory' | 'no_wait' | 'no_serial';
  /** the guardian: takes every recorded vote for its own; forgets that it has voted */
  readonly guardian?: 'claims_every_vote' | 'votes_again';
  /** writes to `state_dir` are confirmed before they are done, and a crash takes them along */
  readonly noFsync?: boolean;
  /** the vote of whichever witness the link leads to is asked for */
  readonly anyWitnessCounts?: boolean;
};

export const NO_TAMPERING: Tampering = {};
