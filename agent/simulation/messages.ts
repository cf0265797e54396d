import type { Ballot, Claim, Verdict } from '@tiebreak/shared/lease';

/** What travels between two agents. The wire format, its keys and its replay window are proven elsewhere. */
export type SidebandBody =
  | { readonly kind: 'heartbeat'; readonly claim: Claim }
  /** `sequence`, `incarnation`: of the heartbeat that it answers (L3) */
  | { readonly kind: 'ack'; readonly incarnation: number; readonly sequence: number; readonly verdict: Verdict }
  | { readonly kind: 'release' | 'invite'; readonly ballot: Ballot }
  | { readonly kind: 'transfer'; readonly ballot: Ballot; readonly to: string }
  | { readonly kind: 'depart' | 'departed' | 'join'; readonly departure: Ballot };

export type SidebandDatagram = {
  readonly from: string;
  readonly incarnation: number;
  readonly sequence: number;
  readonly body: SidebandBody;
};
