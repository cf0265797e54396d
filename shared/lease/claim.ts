import type { Ballot } from './ballot.ts';

/**
 * What a node says of one group in each heartbeat (L3). `owns` asks every voter to renew its vote, `requests` asks for a
 * first one, `none` only tells that the node is there, and `ready` that it would own with that ballot if the owner wanted.
 */
export type Claim = {
  readonly group: string;
  readonly kind: 'none' | 'owns' | 'requests' | 'ready';
  /** `none`: the one above which the sender's next will be, for its voters' reserves to be there by then (L10) */
  readonly ballot: Ballot;
  /** 16 hex digits over the fields on which safety hangs (L16) */
  readonly configHash: string;
  /** the one that the sender is on its way to, and whether it counts no witness's vote until it is there */
  readonly next?: { readonly configHash: string; readonly joint: boolean };
  /** how many changes have led to `configHash`; without: none */
  readonly generation?: number;
  /** the promise that the sender's own interval asks for, in ms; the longer of both sides' counts (L16) */
  readonly promiseMs: number;
  /** what the sender would stand with now, 1 to 255; 0: it cannot own the group, whoever invites it */
  readonly priority: number;
  /** 8 hex digits over the settings that may differ at the price of a warning (L16) */
  readonly settings: string;
  /** an owner under policy `bias` has not reached the witness for a while */
  readonly witnessLost?: true;
  /** preemption: a backup of higher priority asks the owner to hand over to it */
  readonly wants?: true;
};

export type Refusal = 'bound' | 'lower_ballot' | 'quarantined' | 'config_mismatch' | 'unknown_group';

/** A voter's answer to a claim: a promise for `promiseMs` from receipt on, or the reason why not (L1, L10, L16). */
export type Verdict =
  | { readonly kind: 'granted'; readonly group: string; readonly ballot: Ballot; readonly promiseMs: number }
  | {
      readonly kind: 'refused';
      readonly group: string;
      readonly ballot: Ballot;
      readonly reason: Refusal;
      /** ms for which the voter stays bound; 0 where waiting does not help */
      readonly remainingMs: number;
      /** the highest ballot that the voter has granted */
      readonly highest: Ballot;
    };
