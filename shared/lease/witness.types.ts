import type { RelayRequest, ReportRequest, WitnessRequest, WitnessResult } from '../wire/witness.ts';
import type { Ballot } from './ballot.ts';
import type { Binding } from './witness-binding.ts';

/** `ballot` is the highest that was ever granted (L10). `retired`: it was released and never lives again (L5). */
export type FreeRegister = { readonly kind: 'free'; readonly ballot: Ballot; readonly retired: boolean };

/** The holder is the ballot's node. `grantedAtMs`, on the wall clock, is for people; no decision trusts it (L12). */
export type HeldRegister = {
  readonly kind: 'held';
  readonly ballot: Ballot;
  readonly promiseMs: number;
  readonly grantedAtMs: number;
  readonly configHash: string;
};

/** The witness's one register for one group, as it is stored (L1). */
export type WitnessRegister = FreeRegister | HeldRegister;

/** The register and what this instance knows of its end. `inherited`: a former instance gave it, for how long is unknown. */
export type WitnessVote = FreeRegister | (HeldRegister & { readonly binding: Binding; readonly inherited: boolean });

/** The last request of a node that was decided, and how (L13). */
export type WitnessAnswer = {
  readonly incarnation: number;
  readonly sequence: number;
  readonly result: WitnessResult;
};

/** What an instance finds in storage when it wakes. */
export type WitnessMemory = {
  readonly serial: number;
  readonly recovering: boolean;
  readonly registers: ReadonlyMap<string, WitnessRegister>;
  readonly answers: ReadonlyMap<string, WitnessAnswer>;
};

/** One instance of the witness of one cluster. Maps are keyed by group and by node. */
export type WitnessVoter = {
  /** How many votes this witness has given (L14). */
  readonly serial: number;
  /** Not null: storage is new or was lost, and what was promised is unknown. */
  readonly recovery: Binding | null;
  readonly votes: ReadonlyMap<string, WitnessVote>;
  readonly answers: ReadonlyMap<string, WitnessAnswer>;
  readonly nextTimer: number;
};

/**
 * What the shell does, in this order, and all of it before the answer leaves: a store that fails must take the answer
 * with it (L11). Timers run for `delayMs` on a clock that cannot jump, and are fed back as `witnessTimerRanOut`.
 */
export type WitnessEffect =
  | {
      readonly kind: 'store_vote';
      readonly group: string;
      readonly register: WitnessRegister;
      readonly serial: number;
      /** Null when time and no request changed the register. */
      readonly answered: { readonly node: string; readonly answer: WitnessAnswer } | null;
    }
  | { readonly kind: 'store_answer'; readonly node: string; readonly answer: WitnessAnswer }
  | { readonly kind: 'store_recovery'; readonly serial: number; readonly recovering: boolean }
  | { readonly kind: 'start_timer'; readonly timer: number; readonly delayMs: number }
  | { readonly kind: 'stop_timer'; readonly timer: number }
  /** Tell everyone but `except` that the vote has become free: a hint, never a grant. */
  | { readonly kind: 'announce_free'; readonly group: string; readonly except: string };

export type WitnessStep = { readonly voter: WitnessVoter; readonly effects: readonly WitnessEffect[] };

export type WitnessDecision = WitnessStep & { readonly result: WitnessResult };

/** What concerns the votes. No vote hangs on a datagram that is passed on, or on what a node reports. */
export type VotingRequest = Exclude<WitnessRequest, RelayRequest | ReportRequest>;

export type WitnessQuestion = {
  /** Whose credential the request came with. */
  readonly node: string;
  readonly request: VotingRequest;
  /** The config hashes which the other nodes' open links reported for the group of this request (L16). */
  readonly rivalHashes: readonly string[];
};
