import type { Ballot, Claim, Verdict } from '@tiebreak/shared/lease';
import {
  type MetPeer,
  type OpenFailure,
  type SessionKey,
  type SidebandMessage,
  SidebandSession,
} from '@tiebreak/shared/wire';
import type { Logger } from '../log/index.ts';
import type { Alarm, Clock } from './clock.ts';
import { hmacSha256 } from './hmac.ts';
import { RateLimitedLog } from './rate-limited-log.ts';

/** What a link needs of each group that uses it. */
export interface LinkedGroup {
  readonly name: string;
  readonly intervalUs: number;
  claim(): Claim;
  heartbeatSent(to: string, sentAtUs: number): void;
  /** Answers at once, after everything that had to happen before the answer. */
  judge(from: string, claim: Claim): Verdict | undefined;
  verdict(from: string, sentAtUs: number, verdict: Verdict): void;
  released(from: string, ballot: Ballot): void;
  transferred(from: string, ballot: Ballot, to: string): void;
  invited(from: string, ballot: Ballot): void;
  /** L17: the peer has bound its vote to this node without end. */
  departs(from: string, departure: Ballot): void;
  /** L17: the peer has noted this node's departure. */
  departureNoted(from: string, departure: Ballot): void;
  /** L17: a returned peer asks, or a survivor answers. */
  joins(from: string, departure: Ballot): void;
}

export type PathStatus = {
  readonly address: string;
  readonly heardAtUs: number | undefined;
  readonly rttUs: number | undefined;
};

/** What stands for an address where a datagram came, or went, through the witness. */
export const WITNESS_PATH = 'witness';

/** L3: an ack of what was sent earlier than so many regular heartbeats ago counts for nothing. */
const BEATS_REMEMBERED = 64;
/** Besides, so many at most: more than the groups that may each want one of their own at the same moment. */
const SENT_REMEMBERED = 1_024;
const HELLO_INTERVAL_US = 20_000;
/** Heartbeats leave twice in each advertisement interval (DESIGN section 3, Timing). */
const HEARTBEATS_PER_INTERVAL = 2;
/** Without a word from the peer for so long, no direct path counts as a way to it. */
const DIRECT_PATIENCE_INTERVALS = 1.5;
/** A candidate that nobody hears releases each of its candidacies, and must not use up the witness's patience with it. */
const RELAY_INTERVAL_US = 5_000_000;

/**
 * The authenticated link to one peer: heartbeats for all its groups in one datagram at the fastest group's rate, acks,
 * releases, transfers and departures, over every configured path at once (L3).
 */
export class SidebandLink {
  readonly peer: string;
  #addresses: readonly string[];
  #groups: ReadonlyMap<string, LinkedGroup>;
  readonly #session: SidebandSession;
  readonly #onMet: () => void;
  readonly #send: (datagram: Uint8Array, address: string) => void;
  readonly #relay: (datagram: Uint8Array) => void;
  /** When each kind of message was last relayed for each group. */
  readonly #relayedAtUs = new Map<string, number>();
  readonly #complaints: RateLimitedLog;
  readonly #clock: Clock;
  readonly #beat: Alarm;
  #periodUs: number;
  readonly #paths = new Map<string, { heardAtUs: number | undefined; rttUs: number | undefined }>();
  readonly #sentAtUs = new Map<number, number>();
  readonly #refused = new Map<OpenFailure, number>();
  #sent = 0;
  #received = 0;
  #metIncarnation: number | undefined;
  #heardDirectlyUs = Number.NEGATIVE_INFINITY;
  #started = false;
  #nextBeatUs = 0;
  #nextHelloUs = 0;
  /** The groups that want a heartbeat of their own once what runs now is done. */
  readonly #beatsSoon = new Set<string>();

  constructor(options: {
    node: string;
    peer: string;
    addresses: readonly string[];
    groups: readonly LinkedGroup[];
    keys: readonly [SessionKey, ...SessionKey[]];
    nonce: Uint8Array;
    incarnation: number;
    send: (datagram: Uint8Array, address: string) => void;
    /** Through the witness, to the peer; left out: there is none. */
    relay?: (datagram: Uint8Array) => void;
    clock: Clock;
    log: Logger;
    /** The peer shows itself for the first time, or has started anew. */
    onMet?: () => void;
  }) {
    const { node, peer, keys, nonce, incarnation, clock } = options;
    this.peer = peer;
    this.#addresses = options.addresses;
    this.#groups = byName(options.groups);
    this.#send = options.send;
    this.#relay = options.relay ?? (() => {});
    this.#onMet = options.onMet ?? (() => {});
    this.#clock = clock;
    this.#beat = clock.alarm(() => this.#onBeat());
    this.#complaints = new RateLimitedLog(options.log, clock.nowUs);
    this.#session = new SidebandSession({ node, peer, keys, nonce, incarnation, hmac: hmacSha256 });
    this.#periodUs = periodUs(options.groups);
    for (const address of options.addresses) this.#paths.set(address, { heardAtUs: undefined, rttUs: undefined });
  }

  get addresses(): readonly string[] {
    return this.#addresses;
  }

  /** Heartbeats from now on; nothing to one that has them already. */
  start(): void {
    if (this.#started) return;
    this.#started = true;
    this.#nextBeatUs = this.#clock.nowUs();
    this.#onBeat();
  }

  /** Goes on with other addresses, groups, intervals or keys: the session and its numbers stay. */
  change(to: {
    readonly addresses: readonly string[];
    readonly groups: readonly LinkedGroup[];
    readonly keys: readonly [SessionKey, ...SessionKey[]];
  }): void {
    this.#addresses = to.addresses;
    this.#groups = byName(to.groups);
    this.#session.rekey(to.keys);
    for (const address of this.#paths.keys()) {
      if (address !== WITNESS_PATH && !to.addresses.includes(address)) this.#paths.delete(address);
    }
    for (const address of to.addresses) {
      if (!this.#paths.has(address)) this.#paths.set(address, { heardAtUs: undefined, rttUs: undefined });
    }
    this.#periodUs = periodUs(to.groups);
    const soonestUs = this.#clock.nowUs() + this.#periodUs;
    if (!this.#started || this.#nextBeatUs <= soonestUs) return;
    this.#nextBeatUs = soonestUs;
    this.#beat.set(soonestUs);
  }

  stop(): void {
    this.#started = false;
    this.#beatsSoon.clear();
    this.#beat.clear();
  }

  get met(): MetPeer | undefined {
    return this.#session.peer;
  }

  paths(): PathStatus[] {
    return Array.from(this.#paths, ([address, path]) => ({ address, ...path }));
  }

  /** Datagrams since the start: those handed to the direct paths, and those believed from any. */
  get traffic(): { readonly sent: number; readonly received: number } {
    return { sent: this.#sent, received: this.#received };
  }

  /** Datagrams that were refused, by reason. */
  refusals(): ReadonlyMap<OpenFailure, number> {
    return this.#refused;
  }

  /** No direct path leads to the peer any more, until it is heard on one again. */
  noDirectWay(): void {
    this.#heardDirectlyUs = Number.NEGATIVE_INFINITY;
  }

  /** Takes a datagram from one of its addresses, or from the witness. The answer says why it is perhaps not this link's; otherwise it was. */
  receive(datagram: Uint8Array, fromAddress: string): NotMine | undefined {
    const opened = this.#session.open(datagram);
    if (!opened.ok) {
      if (isNotMine(opened.reason)) return opened.reason;
      // A second path brings everything twice; that path is alive all the same.
      if (opened.reason === 'duplicate') this.#heardOn(fromAddress);
      this.#refuse(opened.reason, fromAddress);
      if (opened.introduce !== undefined) this.#introduce(opened.introduce);
      return undefined;
    }
    this.#received += 1;
    this.#heardOn(fromAddress);
    if (opened.incarnation !== this.#metIncarnation) {
      this.#metIncarnation = opened.incarnation;
      this.#onMet();
    }
    this.#hear(opened.message, opened.sequence, fromAddress);
    return undefined;
  }

  /**
   * One heartbeat for all the groups that ask for one now. It says nothing of the others, whose next is due anyway: where many
   * change owner, each change would cost both nodes as much as a beat of all of them.
   */
  heartbeatSoon(name: string): void {
    const isFirst = this.#beatsSoon.size === 0;
    this.#beatsSoon.add(name);
    if (!isFirst) return;
    this.#clock.soon(() => {
      const groups = [...this.#beatsSoon].flatMap((wanting) => this.#group(wanting) ?? []);
      this.#beatsSoon.clear();
      if (groups.length > 0) this.#heartbeatOf(groups);
    });
  }

  /** Of all groups. */
  heartbeatNow(): void {
    this.#beatsSoon.clear();
    this.#heartbeatOf([...this.#groups.values()]);
  }

  #heartbeatOf(groups: readonly LinkedGroup[]): void {
    const { sequence, sentAtUs } = this.#dispatch({ kind: 'heartbeat', claims: groups.map((group) => group.claim()) });
    this.#sentAtUs.set(sequence, sentAtUs);
    const rememberedFromUs = sentAtUs - BEATS_REMEMBERED * this.#periodUs;
    for (const [oldest, oldestAtUs] of this.#sentAtUs) {
      if (oldestAtUs > rememberedFromUs && this.#sentAtUs.size <= SENT_REMEMBERED) break;
      this.#sentAtUs.delete(oldest);
    }
    for (const group of groups) group.heartbeatSent(this.peer, sentAtUs);
  }

  release(group: string, ballot: Ballot): void {
    this.#sayOnce({ kind: 'release', group, ballot });
  }

  transfer(group: string, ballot: Ballot, to: string): void {
    this.#sayOnce({ kind: 'transfer', group, ballot, to });
  }

  /** Nothing hangs on it: a handover goes on without an answer. */
  invite(group: string, ballot: Ballot): void {
    this.#dispatch({ kind: 'invite', group, ballot });
  }

  /** What no later message says again goes through the witness as well, while no direct path leads to the peer. */
  #sayOnce(message: Extract<SidebandMessage, { group: string }>): void {
    const { datagram, sentAtUs } = this.#dispatch(message);
    const patienceUs = DIRECT_PATIENCE_INTERVALS * HEARTBEATS_PER_INTERVAL * this.#periodUs;
    if (!this.#session.met || sentAtUs - this.#heardDirectlyUs < patienceUs) return;
    const what = `${message.kind} ${message.group}`;
    if (sentAtUs - (this.#relayedAtUs.get(what) ?? Number.NEGATIVE_INFINITY) < RELAY_INTERVAL_US) return;
    this.#relayedAtUs.set(what, sentAtUs);
    this.#relay(datagram);
  }

  depart(group: string, ballot: Ballot, departure: Ballot): void {
    this.#sayOnce({ kind: 'depart', group, ballot, departure });
  }

  departed(group: string, departure: Ballot): void {
    this.#sayOnce({ kind: 'departed', group, departure });
  }

  join(group: string, departure: Ballot): void {
    this.#sayOnce({ kind: 'join', group, departure });
  }

  #onBeat(): void {
    const nowUs = this.#clock.nowUs();
    const missed = Math.floor((nowUs - this.#nextBeatUs) / this.#periodUs);
    this.#nextBeatUs += (Math.max(0, missed) + 1) * this.#periodUs;
    this.#beat.set(this.#nextBeatUs);
    this.heartbeatNow();
  }

  #heardOn(address: string): void {
    const heardAtUs = this.#clock.nowUs();
    if (address === WITNESS_PATH) this.#paths.set(address, { heardAtUs, rttUs: undefined });
    else this.#heardDirectlyUs = heardAtUs;
    const path = this.#paths.get(address);
    if (path !== undefined) path.heardAtUs = heardAtUs;
  }

  #hear(message: SidebandMessage, sequence: number, fromAddress: string): void {
    switch (message.kind) {
      case 'hello':
        return;
      case 'heartbeat': {
        const verdicts = message.claims.map((claim) => this.#judge(claim)).filter((verdict) => verdict !== undefined);
        this.#dispatch({ kind: 'ack', sequence, verdicts });
        return;
      }
      case 'ack':
        this.#hearAck(message.sequence, message.verdicts, fromAddress);
        return;
      case 'release':
        this.#group(message.group)?.released(this.peer, message.ballot);
        return;
      case 'transfer':
        this.#group(message.group)?.transferred(this.peer, message.ballot, message.to);
        return;
      case 'invite':
        this.#group(message.group)?.invited(this.peer, message.ballot);
        return;
      case 'depart':
        this.#group(message.group)?.departs(this.peer, message.departure);
        return;
      case 'departed':
        this.#group(message.group)?.departureNoted(this.peer, message.departure);
        return;
      case 'join':
        this.#group(message.group)?.joins(this.peer, message.departure);
        return;
    }
  }

  #judge(claim: Claim): Verdict | undefined {
    const group = this.#group(claim.group);
    if (group !== undefined) return group.judge(this.peer, claim);
    const here = [...this.#groups.keys()].join(', ');
    const unknown = `${this.peer} speaks of group '${claim.group}', which is not configured here; with that node this one shares ${here}`;
    this.#complaints.warn('unknown_group', { peer: this.peer, group: claim.group }, unknown);
    if (claim.kind === 'none' || claim.kind === 'ready') return undefined;
    const { group: name, ballot } = claim;
    return { kind: 'refused', group: name, ballot, reason: 'unknown_group', remainingMs: 0, highest: ballot };
  }

  #hearAck(sequence: number, verdicts: readonly Verdict[], fromAddress: string): void {
    // L3: an ack of anything that was not sent, or long ago, counts for nothing.
    const sentAtUs = this.#sentAtUs.get(sequence);
    if (sentAtUs === undefined) return;
    this.#sentAtUs.delete(sequence);
    const path = this.#paths.get(fromAddress);
    if (path !== undefined) path.rttUs = this.#clock.nowUs() - sentAtUs;
    for (const verdict of verdicts) this.#group(verdict.group)?.verdict(this.peer, sentAtUs, verdict);
  }

  #group(name: string): LinkedGroup | undefined {
    return this.#groups.get(name);
  }

  /** The send time is read before anything is signed or sent (L2: too early is safe, too late is not). */
  #dispatch(message: SidebandMessage, echo?: Uint8Array): { datagram: Uint8Array; sequence: number; sentAtUs: number } {
    const sentAtUs = this.#clock.nowUs();
    const { datagram, sequence } = this.#session.seal(message, echo);
    for (const address of this.addresses) this.#send(datagram, address);
    this.#sent += this.addresses.length;
    return { datagram, sequence, sentAtUs };
  }

  #introduce(nonce: Uint8Array): void {
    const nowUs = this.#clock.nowUs();
    if (nowUs < this.#nextHelloUs) return;
    this.#nextHelloUs = nowUs + HELLO_INTERVAL_US;
    this.#dispatch({ kind: 'hello' }, nonce);
  }

  #refuse(reason: OpenFailure, fromAddress: string): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    // A second path brings everything twice, and every start begins without a session.
    if (reason === 'duplicate' || reason === 'no_session') return;
    this.#complaints.warn(reason, { peer: this.peer, reason }, explainRefusal(reason, fromAddress));
  }
}

function byName(groups: readonly LinkedGroup[]): ReadonlyMap<string, LinkedGroup> {
  return new Map(groups.map((group) => [group.name, group]));
}

function periodUs(groups: readonly LinkedGroup[]): number {
  return Math.min(...groups.map(({ intervalUs }) => intervalUs)) / HEARTBEATS_PER_INTERVAL;
}

/** Reasons for which a datagram may yet belong to another link, under another key. */
export type NotMine = Extract<OpenFailure, 'not_sideband' | 'unknown_key' | 'wrong_mac' | 'foreign'>;

function isNotMine(reason: OpenFailure): reason is NotMine {
  return reason === 'not_sideband' || reason === 'unknown_key' || reason === 'wrong_mac' || reason === 'foreign';
}

export function explainRefusal(reason: OpenFailure, fromAddress: string): string {
  return `refused a sideband datagram from ${fromAddress}: ${REFUSALS[reason]}`;
}

const REFUSALS: Readonly<Record<OpenFailure, string>> = {
  not_sideband: 'it is none',
  unknown_version: 'it speaks another version of the protocol; run the same version on every node',
  malformed: 'it is damaged',
  unknown_key: 'its key id is not in key_file; the file must be the same on every node',
  wrong_mac: 'it is signed with another key; key_file must be the same on every node',
  foreign: 'it is from or to another node than configured; check node and peers on both sides',
  no_session: 'it does not answer this run of the agent',
  old_incarnation: 'it comes from an earlier run of the peer (did its state_dir get lost, or its clock go back?)',
  duplicate: 'it has been seen before',
};
