import type { Ballot } from '@tiebreak/shared/lease';
import type { PassedHealth, RefusalReason } from '@tiebreak/shared/wire';
import type { DropCounts } from './frame.ts';
import type { KnownGroup, Report } from './requests.ts';
import type { Reply } from './session.ts';
import type { LinkLog, WitnessLinkState } from './state.ts';

export type WitnessCounts = {
  /** Votes asked for, repeats left out. */
  readonly votesRequested: number;
  readonly votesGranted: number;
  readonly votesRefused: ReadonlyMap<RefusalReason, number>;
  /** How often a working link was lost. */
  readonly linkLosses: number;
};

export type WitnessLinkOptions = {
  /** Where the witness is; https:// or http://. */
  url: string;
  cluster: string;
  node: string;
  /** This node's credential, `tbn1.<witness id>.<secret>`; see `parseNodeToken`. */
  token: string;
  /**
   * Asked each second while the witness is not connected: the token by now, of the same witness. A new one is tried at once.
   * Not only after a refusal: what stands between may let a void token's 401 pass on no way, or on the other one.
   */
  rereadToken?: () => string | undefined;
  /** Grows with each start of the agent. */
  incarnation: number;
  /** The highest grant serial seen so far, as persisted (L14). */
  serial: number;
  /** `lastSequence` of an earlier link of this incarnation: the witness takes a number that comes again for a repeat (L13). */
  lastSequence?: number;
  /** The groups that this node takes part in, read anew for each hello and each vote. */
  groups: () => KnownGroup[];
  /** All that this node sees, and the decisions that it remembers; read every second, and when `reportSoon` asks for it. */
  report: () => Report;
  /**
   * Asked before each connection, and every 10 s, with the witness's addresses that are known by now: the address to speak
   * from. Undefined leaves the choice to the kernel.
   */
  chooseSource: (witness: readonly string[]) => string | undefined;
  /** CLOCK_BOOTTIME in µs. */
  nowUs: () => number;
  /** 0..1 */
  random: () => number;
  /** A verified answer. `sentAtUs` is when the answered request was first sent: leases count from it (L2). */
  onReply(reply: Reply): void;
  /** A hint that the group's vote can be had; never a grant. */
  onFreed(group: string): void;
  /** What an outside monitor says of a service of this node; the last of each check comes again with each link. */
  onHealth(report: PassedHealth): void;
  /** A sealed datagram that the witness passes on from another node; nothing in it has been verified. */
  onPassedOn(from: string, datagram: Uint8Array): void;
  onState(state: WitnessLinkState): void;
  /** The serial grew: persist it. Called before the reply that carried it. */
  onSerial(serial: number): void;
  log(event: LinkLog): void;
};

export type WitnessLink = {
  /**
   * Asks for the group's vote at this ballot, for `promiseMs` (1 to 10 000). Returns the id that the reply will carry;
   * a vote without a reply within `promiseMs` never gets one. Throws for a group that `groups` does not name.
   */
  vote(group: string, ballot: Ballot, promiseMs: number): number;
  /** Gives the group's vote back. Votes of the group that are still under way are forgotten. */
  release(group: string, ballot: Ballot): number;
  /**
   * Has a sealed sideband datagram of at most 2 KiB passed on to another node, over the warm link only: it is lost without
   * a word while that is down, or if the other node has none.
   */
  relay(to: string, datagram: Uint8Array): void;
  /** Something has been decided that the witness should know, once whatever is more urgent has been done. */
  reportSoon(): void;
  state(): WitnessLinkState;
  /** Of the last `count` rehearsals (64 at most), storage write included; null before the first. */
  voteTimes(): { count: number; p50Ms: number | null; p99Ms: number | null };
  /** What came from the witness and was not believed, by reason. */
  dropped(): DropCounts;
  /** Since the start. */
  counts(): WitnessCounts;
  /** Asks for one more rehearsal now; nothing happens while the link is down. */
  rehearse(): void;
  /** The number of the last request. */
  readonly lastSequence: number;
  /** Ends everything; no callback follows and nothing keeps the process alive. */
  close(): void;
};
