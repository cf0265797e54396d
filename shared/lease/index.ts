export * from './ballot.ts';
export * from './claim.ts';
export * from './constants.ts';
export type { DepartedVote } from './departure.ts';
export { claimOf } from './heartbeat.ts';
export { leavePatienceUs } from './holder.ts';
export {
  type Identity,
  type IdentityChange,
  type IdentityRecord,
  identityChangeWaitsFor,
  isAgreed,
} from './identity-change.ts';
export type { KeptPromise } from './kept-promise.ts';
export { nextDeadlineUs, stepMember } from './member.ts';
export type * from './member.types.ts';
export { leaseEndUs, voterCount, votesNeeded, witnessVotes } from './quorum.ts';
export type { RegisterRecord } from './record.ts';
export { boundTo, type Register } from './register.ts';
export { type FoundAtStart, type FoundRegister, NOTHING_FOUND, startMember } from './start.ts';
export { type Successor, successorOf } from './successor.ts';
export { currentLeaseEndUs, ownsUnprotected, peerVoteUntilUs } from './turn.ts';

export {
  decideWitness,
  NEW_WITNESS,
  wakeWitness,
  witnessHoldsVotes,
  witnessOwesWaiting,
  witnessRecoveryRemainingMs,
  witnessTimerRanOut,
  witnessVoteRemainingMs,
} from './witness.ts';
export type * from './witness.types.ts';
