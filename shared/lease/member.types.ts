import type { Ballot } from './ballot.ts';
import type { Claim, Verdict } from './claim.ts';
import type { DepartedView, DepartedVote } from './departure.ts';
import type { Identity, IdentityChange, IdentityRecord } from './identity-change.ts';
import type { KeptPromise, KeptPromiseView } from './kept-promise.ts';
import type { RegisterRecord } from './record.ts';
import type { Register } from './register.ts';

/** What a node does that has only its own vote left (DESIGN section 3). */
export type Policy =
  | { readonly name: 'safe' }
  /** two agents and a witness only; `promiseMs`: how long a promise the backup gives while the witness is out of reach */
  | { readonly name: 'bias'; readonly promiseMs: number }
  | { readonly name: 'available' };

/** One group as one agent sees it. All times are µs on that agent's CLOCK_BOOTTIME, all lengths too unless named Ms. */
export type MemberConfig = {
  readonly node: string;
  readonly group: string;
  /** the other configured agents */
  readonly peers: readonly string[];
  readonly witness: boolean;
  readonly policy: Policy;
  readonly intervalUs: number;
  /** the configured priority, 1 to 255 */
  readonly priority: number;
  /** RFC 9568 Skew_Time of that priority */
  readonly skewUs: number;
  /** how long a fit node of higher priority hears an owner before it asks for the group; undefined: it never does */
  readonly preemptDelayUs: number | undefined;
  /** after a crash loop: until then the node does not stand of its own accord; an invitation counts all the same */
  readonly standNotBeforeUs: number;
  readonly configHash: string;
  /** `settings` of its claims */
  readonly settings: string;
  /** the fence's guard, 5 kernel ticks: it closes that long before the lease ends */
  readonly guardUs: number;
  /** Ballot counters at or below this one may have been used by an earlier run (L10). */
  readonly usedCounter: number;
  /** seeds the random part of standing again (L1) */
  readonly seed: number;
};

/** Why a node may not own the group. It goes on voting. */
export type Unfitness = 'link_lost' | 'check_failed' | 'maintenance';

/** What the node may stand with, as things are around it. */
export type Fitness = {
  /** RFC 9568: 1 to 255, with the weights of the checks */
  readonly priority: number;
  /** Skew_Time of that priority, in µs */
  readonly skewUs: number;
  readonly unfit: Unfitness | undefined;
};

/** What this node knows of one other agent's vote. */
export type PeerView = {
  /** until when we believe in its vote (L2); -Infinity without one */
  voteUntilUs: number;
  /** the oldest heartbeat without an ack, and the newest one sent */
  unackedSinceUs: number | undefined;
  lastSentUs: number | undefined;
  verdict: Verdict | undefined;
  /** its last word was said under another configuration, where other votes may count than here (L16) */
  differs: boolean;
  /** its configurations by its last claim */
  said: (Required<Pick<Claim, 'configHash' | 'generation'>> & { readonly next: Claim['next'] }) | undefined;
  verdictAtUs: number;
  heardAtUs: number;
  /** a vote that was asked for before does not count */
  countsFromUs: number;
  /** of its last claim: what its own interval asks for */
  promiseMs: number;
  /** of its last claim; 0: it cannot own */
  priority: number;
};

/** What this node knows of the witness's vote, and what it has asked of it. */
export type WitnessView = {
  voteUntilUs: number;
  /** the ballot of the newest request that the witness may have granted; undefined once it was given back */
  asked: Ballot | undefined;
  nextAskUs: number;
  wantedSinceUs: number | undefined;
  /** the vote is counted no more, and goes back as soon as the fence no longer rests on it (L12) */
  returning: boolean;
  /** the highest ballot that was given back: it never lives again there (L5) */
  released: Ballot;
  /** since when it is out of reach, and whether that has been so for long enough to count (policy bias) */
  lostSinceUs: number | undefined;
  lost: boolean;
  refusal: { readonly reason: string; readonly untilUs: number; readonly holder: string | undefined } | undefined;
};

/** Why a role changed: `history` and the logs tell it in a person's words. */
export type Cause =
  | 'started'
  | 'quarantine_over'
  | 'register_restored'
  | 'down_timer'
  | 'transferred'
  | 'released'
  | 'forced'
  | 'votes_complete'
  | 'votes_missing'
  | 'owner_heard'
  | 'outbid'
  | 'fence_refused'
  | 'fence_lost'
  | 'lease_ended'
  | 'higher_ballot'
  | 'handover'
  | 'preempted'
  | 'clock_gap'
  | Unfitness
  | 'stop'
  | 'left';

/** What happens once the fence is confirmed closed. */
export type AfterClosing =
  /** `invites`: whom, if anybody, the node has closed its fence for */
  | { readonly kind: 'stay'; readonly invites: string | undefined }
  | { readonly kind: 'leave'; readonly departs: boolean };

/** The vote that a successor gets as soon as the fence is closed. */
export type HandsTo = { readonly to: string; readonly ballot: Ballot; readonly promiseMs: number };

export type Role =
  /** L9: has started; neither acks nor stands until every promise of a former run has run out */
  | { readonly name: 'initialize'; readonly untilUs: number; readonly overBecause: Cause }
  | {
      readonly name: 'backup';
      readonly standAtUs: number;
      readonly heardAtUs: number | undefined;
      readonly standBecause: Cause;
      /** since when this node, of higher priority, could have owned what it hears another one own */
      readonly superiorSinceUs: number | undefined;
      /** preemption: its claims ask for the group */
      readonly wants: boolean;
      /** when it stands again with the ballot that the witness has not answered yet; undefined: there is none */
      readonly goesOnAtUs: number | undefined;
      /** by whom it was invited to own, and the ballot that it said to be ready to stand with */
      readonly ready:
        | { readonly invitedBy: string; readonly ballot: Ballot; readonly sinceUs: number; readonly untilUs: number }
        | undefined;
    }
  | {
      readonly name: 'candidate';
      readonly ballot: Ballot;
      readonly sinceUs: number;
      readonly untilUs: number;
      readonly opening: boolean;
      /** policy available: when to ask whether anyone else is there at all; Infinity once asked, and else */
      readonly aloneAtUs: number;
      /** policy available: nobody is, so the own vote will do */
      readonly alone: boolean;
    }
  | {
      readonly name: 'active';
      readonly ballot: Ballot;
      /** votes asked for before this time belong to an earlier candidacy */
      readonly standingSinceUs: number;
      readonly sinceUs: number;
      readonly fenceExpiresAtUs: number;
      /** until when it is open for certain, however fast the kernel's ticks run */
      readonly fenceOpenUntilUs: number;
      /** whether the fence was last extended on the strength of the witness's vote, or may be just now */
      readonly restsOnWitness: boolean;
      /** a refresh that was refused, or gained less than it could have, is not repeated at once */
      readonly refreshNotBeforeUs: number;
      readonly advertiseAtUs: number;
      /** whom it has asked to own instead, what happens then, and until when an answer is waited for */
      readonly invitation:
        | { readonly to: string; readonly cause: Cause; readonly after: AfterClosing; readonly untilUs: number }
        | undefined;
    }
  | {
      readonly name: 'closing';
      readonly ballot: Ballot;
      readonly fenceExpiresAtUs: number;
      readonly retryAtUs: number;
      readonly after: AfterClosing;
      readonly cause: Cause;
      /** whose `ready` is answered with this node's vote if the first attempt to close succeeds */
      readonly handsTo: HandsTo | undefined;
    }
  /** has handed over and answers its successor before it goes */
  | { readonly name: 'leaving'; readonly untilUs: number; readonly departs: boolean }
  | { readonly name: 'stopped' };

export type MemberState = {
  /** with the identity that the node goes by */
  readonly config: MemberConfig;
  /** the one that it has been configured for (L16) */
  readonly wanted: Identity;
  /** on the way to another one */
  readonly change: IdentityChange | undefined;
  /** how many changes have led to this identity */
  readonly generation: number;
  readonly register: Register;
  /** the register as it was last written down (L9); undefined: not in this run, and nothing was found */
  readonly recorded: RegisterRecord | undefined;
  /** for the choice of the next ballot only; no vote hangs on it */
  readonly highestSeen: Ballot;
  readonly fitness: Fitness;
  readonly kept: KeptPromiseView;
  readonly departed: DepartedView;
  readonly peers: Readonly<Record<string, Readonly<PeerView>>>;
  readonly witness: Readonly<WitnessView>;
  readonly seed: number;
  readonly role: Role;
};

/** Everything here was authenticated by the shell, but for `advertisement` (L4). */
export type MemberEvent =
  | { readonly type: 'claim'; readonly from: string; readonly claim: Claim }
  | { readonly type: 'heartbeat-sent'; readonly to: string; readonly sentAtUs: number }
  /** `sentAtUs`: when the heartbeat left that this verdict answers (L2) */
  | { readonly type: 'verdict'; readonly from: string; readonly sentAtUs: number; readonly verdict: Verdict }
  | { readonly type: 'release'; readonly from: string; readonly ballot: Ballot }
  | { readonly type: 'transfer'; readonly from: string; readonly ballot: Ballot; readonly to: string }
  /** the owner, of `ballot`, asks this node whether it is ready to own */
  | { readonly type: 'invite'; readonly from: string; readonly ballot: Ballot }
  | { readonly type: 'advertisement'; readonly priority: number }
  | {
      readonly type: 'witness-granted';
      readonly ballot: Ballot;
      readonly promiseMs: number;
      readonly sentAtUs: number;
    }
  | {
      readonly type: 'witness-refused';
      readonly reason: string;
      readonly remainingMs: number;
      readonly highest: Ballot;
      readonly holder: string | undefined;
    }
  | { readonly type: 'witness-freed' }
  /** whether the way to the witness carries: to be told at the start, and whenever it changes */
  | { readonly type: 'witness-reachable'; readonly reachable: boolean }
  /** what `persist-promise` asked for is on disk, fsynced; on failure nothing is said, and the core asks again */
  | { readonly type: 'promise-persisted'; readonly promise: KeptPromise }
  /** an operator vouches for it that the node to which this one's vote is promised does not own */
  | { readonly type: 'force-takeover' }
  | { readonly type: 'fence-opened'; readonly expiresAtUs: number }
  /** `restsOnWitness`: as it was asked for */
  | { readonly type: 'fence-refreshed'; readonly expiresAtUs: number; readonly restsOnWitness: boolean }
  /** the kernel did not confirm an opening or a refresh */
  | { readonly type: 'fence-refused'; readonly reason: string }
  | { readonly type: 'fence-closed' }
  | { readonly type: 'fence-close-failed' }
  /** what the node may stand with has changed; an owner that is unfit hands over, to nobody if nobody is fit */
  | { readonly type: 'fitness'; readonly fitness: Fitness }
  /** goes on with another configuration, at once but for the identity (L16); `fitness` by that one */
  | { readonly type: 'configured'; readonly config: MemberConfig; readonly fitness: Fitness }
  /** what `persist-identity` asked for is on disk, fsynced; `configHash`: the joint one's */
  | { readonly type: 'identity-persisted'; readonly configHash: string }
  /** an operator wants `to` to own the group, or whoever is best; nothing happens if `successorOf` names nobody */
  | { readonly type: 'hand-over'; readonly to: string | undefined }
  /** the host was suspended: what its clocks say of the time in between is not to be trusted */
  | { readonly type: 'clock-gap' }
  | { readonly type: 'stop' }
  /** L17: as `stop`, but the survivor of two agents keeps this node's vote until it comes back */
  | { readonly type: 'depart' }
  | { readonly type: 'peer-departs'; readonly from: string; readonly departure: Ballot }
  | { readonly type: 'departure-noted'; readonly from: string; readonly departure: Ballot }
  | { readonly type: 'join'; readonly from: string; readonly departure: Ballot }
  /** what `persist-departed` asked for is on disk, fsynced; on failure nothing is said */
  | { readonly type: 'departed-persisted'; readonly departed: DepartedVote }
  /** an operator frees this node from its departure */
  | { readonly type: 'force-join' }
  | { readonly type: 'tick' };

/**
 * Performed in order. The outcome of opening or closing the fence is fed back as an event before anything else happens; a verdict
 * leaves only after the effects before it are done, and answers the claim that led to it, also where a fence closed between.
 */
export type MemberEffect =
  /** L9: written to `run_dir` before the effects after it are performed, and before any later heartbeat leaves */
  | { readonly type: 'record-register'; readonly record: RegisterRecord }
  /** to be written to `state_dir` and fsynced, off the event loop; then fed back as `promise-persisted` */
  | { readonly type: 'persist-promise'; readonly promise: KeptPromise }
  /** what was persisted binds no longer; may be written whenever it suits, but in order with `persist-promise` */
  | { readonly type: 'forget-promise' }
  /** as `persist-promise`: what this node knows of its peer's departure */
  | { readonly type: 'persist-departed'; readonly departed: DepartedVote }
  /** to be written to `state_dir` and fsynced, again and again until it is; then, if joint, fed back as `identity-persisted` */
  | { readonly type: 'persist-identity'; readonly record: IdentityRecord }
  /** the node counts other votes from now on: joint, or by its new identity */
  | { readonly type: 'identity-changed' }
  | { readonly type: 'send-depart'; readonly to: string; readonly ballot: Ballot; readonly departure: Ballot }
  | { readonly type: 'send-departed'; readonly to: string; readonly departure: Ballot }
  | { readonly type: 'send-join'; readonly to: string; readonly departure: Ballot }
  | { readonly type: 'send-verdict'; readonly to: string; readonly verdict: Verdict }
  | { readonly type: 'send-heartbeat' }
  | { readonly type: 'send-release'; readonly ballot: Ballot }
  | { readonly type: 'send-transfer'; readonly ballot: Ballot; readonly to: string }
  | { readonly type: 'send-invite'; readonly to: string; readonly ballot: Ballot }
  | { readonly type: 'ask-witness'; readonly ballot: Ballot; readonly promiseMs: number }
  | { readonly type: 'release-witness'; readonly ballot: Ballot }
  | { readonly type: 'open-fence'; readonly leaseEndUs: number }
  /**
   * May wait for those of other groups; a later one takes its place, and `close-fence` calls it off. `restsOnWitness`:
   * the lease counts the witness's vote, which is not given back before a refresh without it is confirmed (L12)
   */
  | { readonly type: 'refresh-fence'; readonly leaseEndUs: number; readonly restsOnWitness: boolean }
  | { readonly type: 'close-fence' }
  | { readonly type: 'add-addresses' }
  | { readonly type: 'remove-addresses' }
  | { readonly type: 'announce' }
  | { readonly type: 'advertise' }
  /** a priority of 0: the owner leaves */
  | { readonly type: 'advertise-release' }
  | { readonly type: 'transition'; readonly from: Role['name']; readonly to: Role['name']; readonly cause: Cause }
  | { readonly type: 'stopped' };
