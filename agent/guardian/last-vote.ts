import {
  type Ballot,
  type Claim,
  type IdentityChange,
  isAgreed,
  PROMISE_MAX_MS,
  type RegisterRecord,
  sameBallot,
  type Verdict,
} from '@tiebreak/shared/lease';
import type { RegisterFile } from '../state/register-file.ts';
import type { GuardedGroup } from './handover.ts';

/** /proc/uptime counts in hundredths of a second; the record may bind for longer than the promise, never for less. */
const RECORD_MARGIN_US = 20_000;

type AgreeingGroup = GuardedGroup & { readonly change?: IdentityChange | undefined };

export type LastVoteOptions = {
  readonly group: AgreeingGroup;
  readonly node: string;
  readonly register: RegisterFile;
  /** whether state_dir holds a promise that binds the next engine whatever the register says (policy bias, L17) */
  readonly promised: boolean;
  /** whether state_dir remembers a ballot over a reboot (L10) */
  readonly mayUse: (counter: number) => boolean;
  /** CLOCK_BOOTTIME */
  readonly nowUs: () => number;
};

/**
 * The vote of a group whose engine has died as its owner or candidate, with the fence confirmed closed: it is given once,
 * to the first peer that asks for a ballot after the dead one's, and stays with that peer.
 */
export class LastVote {
  readonly group: AgreeingGroup;
  /** What is released: it never lives again (L5). */
  readonly released: Ballot;
  readonly #mayUse: (counter: number) => boolean;
  readonly #register: RegisterFile;
  readonly #nowUs: () => number;
  #given: { readonly holder: string; readonly ballot: Ballot } | undefined;

  private constructor(options: LastVoteOptions, released: Ballot) {
    const { group, register, mayUse, nowUs } = options;
    this.#mayUse = mayUse;
    this.group = group;
    this.released = released;
    this.#register = register;
    this.#nowUs = nowUs;
  }

  /** undefined: this vote is not the node's own, or may be promised to someone, or nothing is known. Then it is left alone. */
  static of(options: LastVoteOptions): LastVote | undefined {
    const { found } = options.register;
    if (options.promised) return undefined;
    if (found.kind !== 'recorded' || found.record.holder !== options.node) return undefined;
    return new LastVote(options, found.record.ballot);
  }

  /** Whom it was given to. */
  get givenTo(): string | undefined {
    return this.#given?.holder;
  }

  /** Recorded before it is returned (L9), for the next engine to go by. */
  judge(from: string, claim: Claim): Verdict | undefined {
    const { name } = this.group;
    const { ballot } = claim;
    if (claim.kind !== 'requests' || !isAgreed({ change: undefined, ...this.group }, claim)) return undefined;
    // L5: above the released one.
    if (ballot.counter <= this.released.counter) return undefined;
    const given = this.#given;
    if (given !== undefined && (given.holder !== from || !sameBallot(given.ballot, ballot))) return undefined;
    if (!this.#mayUse(ballot.counter)) return undefined;
    const endUs = this.#nowUs() + PROMISE_MAX_MS * 1000 + RECORD_MARGIN_US;
    const record: RegisterRecord = { holder: from, ballot, endUs, highestGranted: ballot, released: this.released };
    if (!this.#register.record(record)) return undefined;
    this.#given = { holder: from, ballot };
    return { kind: 'granted', group: name, ballot, promiseMs: PROMISE_MAX_MS };
  }
}
