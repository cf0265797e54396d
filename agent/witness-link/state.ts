/**
 * `connecting`: not yet, or not again; `connected`: the witness has answered and proven who it is; `unreachable`: no
 * connection for 2.5 s; `refused`: reached, but only an operator can go on from here.
 */
export type WitnessLinkState = {
  readonly kind: 'connecting' | 'connected' | 'unreachable' | 'refused';
  /** In this kind since, on the caller's clock, in µs. */
  readonly sinceUs: number;
  /** For a person: what happened, and what to do about it. Never holds the token. */
  readonly detail: string;
};

export type LinkLog = { level: 'debug' | 'info' | 'warn'; message: string; [field: string]: unknown };
