import type { Ballot } from '@tiebreak/shared/lease';
import {
  type PassedHealth,
  RELAY_BYTES_MAX,
  type RelayRefusalReason,
  type WitnessMessage,
  type WitnessRequest,
  type WitnessResult,
} from '@tiebreak/shared/wire';
import { type DropReason, openFrame } from './frame.ts';
import { HttpsLane } from './lane.ts';
import { type Asked, answers, buildRequest, type KnownGroup, outlivesSocket, type Report } from './requests.ts';
import { Stamp } from './stamp.ts';

const REPEAT_AFTER_US = 500_000;
const RESEND_AFTER_FAILURE_US = 100_000;
const STALE_RETRIES = 2;
const SENDS_MAX = 4;
const ANSWER_WITHIN_US = 5_000_000;

export type Path = 'socket' | 'https';

export type Reply = { requestId: number; sentAtUs: number; receivedAtUs: number; result: WitnessResult };

type Send = { kind: 'send'; path: Path; request: WitnessRequest };

/** What the shell does next, in this order. */
export type Effect =
  | Send
  | { kind: 'serial'; serial: number }
  /** By HTTPS: votes and reports go that way while no socket gets through. */
  | { kind: 'welcome'; path: Path }
  | { kind: 'unwelcome'; result: WitnessResult }
  | { kind: 'rehearsed'; durationUs: number }
  | { kind: 'reply'; reply: Reply }
  | { kind: 'freed'; group: string }
  | { kind: 'health'; report: PassedHealth }
  | { kind: 'passed_on'; from: string; datagram: Uint8Array }
  | { kind: 'not_relayed'; to: string; reason: RelayRefusalReason | 'no_link' }
  /** `decided`: the last decision that the witness knows of this node; undefined: it did not take the report. */
  | { kind: 'reported'; decided: string | null | undefined }
  | { kind: 'unanswered'; asked: Asked; ageUs: number }
  | { kind: 'dropped'; reason: DropReason };

/** `sentAtUs` is the first send of this very sequence: a repeat may only make the answer older, never younger (L2). */
type Attempt = { sequence: number; sentAtUs: number; sends: number; repeatAtUs: number };

type Outstanding = {
  readonly requestId: number;
  readonly asked: Asked;
  readonly askedAtUs: number;
  /** After this the answer would be worth nothing. */
  readonly expiresAtUs: number;
  staleRetries: number;
  /** Null while it waits for the stamp that the answer to `hello` brings. */
  attempt: Attempt | null;
};

export type SessionOptions = {
  node: string;
  incarnation: number;
  witnessId: string;
  replyKey: Buffer;
  serial: number;
  /** What an earlier session of this incarnation has numbered last: a number that comes again is a repeat (L13). */
  lastSequence?: number;
  groups: () => KnownGroup[];
};

/**
 * The agent's side of the witness protocol (L2, L13, L14), without socket, timer or clock: asks and frames in, effects
 * out. It numbers requests, proves that each was sent just now, believes verified answers to outstanding requests only,
 * asks again with a fresh stamp when it was refused as stale, and repeats over HTTPS what stays unanswered.
 */
export class WitnessSession {
  readonly #options: SessionOptions;
  #replyKey: Buffer;
  readonly #outstanding = new Map<number, Outstanding>();
  readonly #stamp = new Stamp();
  readonly #lane = new HttpsLane();
  #serial: number;
  #sequence: number;
  #requestId = 0;
  #socketOpen = false;
  /** The witness has answered a hello by HTTPS since there was a socket last. */
  #greeted = false;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#serial = options.serial;
    this.#sequence = options.lastSequence ?? 0;
    this.#replyKey = options.replyKey;
  }

  /** From now on answers are signed with another key: the node has got another token of the same witness. */
  useReplyKey(replyKey: Buffer): void {
    this.#replyKey = replyKey;
  }

  get lastSequence(): number {
    return this.#sequence;
  }

  socketOpened(nowUs: number): Effect[] {
    this.#socketOpen = true;
    this.#greeted = false;
    return this.#ask({ type: 'hello' }, nowUs).effects;
  }

  /** Votes and releases that the socket took with it go over HTTPS at once. */
  socketClosed(nowUs: number): Effect[] {
    this.#socketOpen = false;
    for (const { asked, attempt, requestId } of this.#outstanding.values()) {
      if (!outlivesSocket(asked)) this.#outstanding.delete(requestId);
      else if (!attempt || (attempt.sends === 1 && !this.#lane.carries(attempt.sequence))) this.#lane.add(requestId);
    }
    return this.#sendNext(nowUs);
  }

  /** Says hello by HTTPS, while there is no socket: something on the way may let no WebSocket pass. */
  greet(nowUs: number): Effect[] {
    if (this.#socketOpen || [...this.#outstanding.values()].some(({ asked }) => asked.type === 'hello')) return [];
    return this.#ask({ type: 'hello' }, nowUs).effects;
  }

  vote(group: string, ballot: Ballot, promiseMs: number, nowUs: number): { requestId: number; effects: Effect[] } {
    const known = this.#options.groups().find((candidate) => candidate.group === group);
    if (!known) throw new Error(`a vote was asked for the unknown group ${group}`);
    return this.#ask({ type: 'vote', group, ballot, promiseMs, configHash: known.configHash }, nowUs);
  }

  release(group: string, ballot: Ballot, nowUs: number): { requestId: number; effects: Effect[] } {
    this.#forgetVotes(group);
    return this.#ask({ type: 'release', group, ballot }, nowUs);
  }

  /** Has a sealed datagram passed on to another node; nothing happens while there is no socket, or if it is too long. */
  relay(to: string, datagram: Uint8Array, nowUs: number): Effect[] {
    if (!this.#socketOpen || datagram.length > RELAY_BYTES_MAX) return [];
    return this.#ask({ type: 'relay', to, datagram: Buffer.from(datagram).toString('base64') }, nowUs).effects;
  }

  /** Measures the way, hence nothing while there is none; and it does not get into a real vote's way. */
  rehearse(nowUs: number): Effect[] {
    return this.#idle ? this.#ask({ type: 'rehearsal' }, nowUs).effects : [];
  }

  /** Tells the witness; null while it is not in reach, or while a real vote has precedence. */
  report(report: Report, nowUs: number): Effect[] | null {
    return this.#idle ? this.#ask({ type: 'report', report }, nowUs).effects : null;
  }

  /** @param receivedAtUs when the frame came, on the clock that also stamps the sends */
  receive(path: Path, frame: string, receivedAtUs: number): Effect[] {
    const opened = openFrame(frame, this.#replyKey, this.#options.witnessId);
    if (!opened.ok) return [{ kind: 'dropped', reason: opened.reason }];
    return this.hear(path, opened.message, receivedAtUs);
  }

  /** As `receive`, for what has been verified to come from the witness. */
  hear(path: Path, message: WitnessMessage, receivedAtUs: number): Effect[] {
    if (message.type === 'freed') return [{ kind: 'freed', group: message.group }];
    if (message.type === 'health') return [{ kind: 'health', report: message.report }];
    if (message.type === 'passed_on') {
      return [{ kind: 'passed_on', from: message.from, datagram: Buffer.from(message.datagram, 'base64') }];
    }
    if (message.node !== this.#options.node) return [{ kind: 'dropped', reason: 'wrong_node' }];
    if (message.incarnation !== this.#options.incarnation) return [{ kind: 'dropped', reason: 'wrong_incarnation' }];
    for (const outstanding of this.#outstanding.values()) {
      const { attempt } = outstanding;
      if (attempt?.sequence !== message.sequence) continue;
      if (!answers(outstanding.asked, message.result)) return [{ kind: 'dropped', reason: 'wrong_result' }];
      return this.#answered(outstanding, attempt, message, path, receivedAtUs);
    }
    return [{ kind: 'dropped', reason: 'not_outstanding' }];
  }

  /** The HTTPS request with this sequence has ended. If it brought no answer that counts, it is sent again soon. */
  httpsDone(sequence: number, nowUs: number): Effect[] {
    this.#lane.done(sequence);
    for (const { attempt } of this.#outstanding.values()) {
      if (attempt?.sequence !== sequence || attempt.sends >= SENDS_MAX) continue;
      attempt.repeatAtUs = Math.min(attempt.repeatAtUs, nowUs + RESEND_AFTER_FAILURE_US);
    }
    return this.#sendNext(nowUs);
  }

  /** Does what has become due. */
  tick(nowUs: number): Effect[] {
    const effects: Effect[] = [];
    this.#lane.giveWayIfStuck(nowUs);
    for (const outstanding of this.#outstanding.values()) {
      const { asked, askedAtUs, expiresAtUs, requestId } = outstanding;
      if (nowUs >= expiresAtUs) {
        this.#outstanding.delete(requestId);
        effects.push({ kind: 'unanswered', asked, ageUs: nowUs - askedAtUs });
      } else if (nowUs >= this.#repeatAtUs(outstanding)) this.#lane.add(requestId);
    }
    return [...effects, ...this.#sendNext(nowUs)];
  }

  /** When `tick` has something to do; Infinity: not before the next event. */
  nextDeadlineUs(): number {
    let deadlineUs = this.#lane.stuckAtUs();
    for (const outstanding of this.#outstanding.values()) {
      deadlineUs = Math.min(deadlineUs, outstanding.expiresAtUs, this.#repeatAtUs(outstanding));
    }
    return deadlineUs;
  }

  get #idle(): boolean {
    return (
      (this.#socketOpen || this.#greeted) && ![...this.#outstanding.values()].some(({ asked }) => outlivesSocket(asked))
    );
  }

  #ask(asked: Asked, nowUs: number): { requestId: number; effects: Effect[] } {
    this.#requestId += 1;
    const outstanding: Outstanding = {
      requestId: this.#requestId,
      asked,
      askedAtUs: nowUs,
      expiresAtUs: nowUs + (asked.type === 'vote' ? asked.promiseMs * 1_000 : ANSWER_WITHIN_US),
      staleRetries: 0,
      attempt: null,
    };
    this.#outstanding.set(outstanding.requestId, outstanding);
    const waits = asked.type !== 'hello' && this.#socketOpen && !this.#stamp.known;
    const effects = waits ? [] : this.#begin(outstanding, this.#socketOpen ? 'socket' : 'https', nowUs);
    return { requestId: outstanding.requestId, effects };
  }

  #repeatAtUs({ asked, askedAtUs, attempt, requestId }: Outstanding): number {
    if (!outlivesSocket(asked) || this.#lane.waits(requestId)) return Number.POSITIVE_INFINITY;
    return attempt ? attempt.repeatAtUs : askedAtUs + REPEAT_AFTER_US;
  }

  #answered(
    outstanding: Outstanding,
    attempt: Attempt,
    message: Extract<WitnessMessage, { type: 'reply' }>,
    path: Path,
    receivedAtUs: number,
  ): Effect[] {
    const effects: Effect[] = [];
    const { asked, requestId } = outstanding;
    const { result } = message;
    const stale = result.kind === 'refused' && result.reason === 'stale';
    const firstStamp = !this.#stamp.known;
    this.#stamp.learn(message.stamp_ms, attempt.sentAtUs, receivedAtUs, stale);
    if (message.serial > this.#serial) {
      this.#serial = message.serial;
      effects.push({ kind: 'serial', serial: message.serial });
    }
    if (stale && outstanding.staleRetries < STALE_RETRIES) {
      outstanding.staleRetries += 1;
      outstanding.attempt = null;
      this.#lane.done(attempt.sequence);
      effects.push(...this.#begin(outstanding, path, receivedAtUs));
    } else {
      this.#outstanding.delete(requestId);
      const { sentAtUs } = attempt;
      if (outlivesSocket(asked)) effects.push({ kind: 'reply', reply: { requestId, sentAtUs, receivedAtUs, result } });
      else if (result.kind === 'welcome') {
        this.#greeted = !this.#socketOpen;
        effects.push({ kind: 'welcome', path });
      } else if (result.kind === 'rehearsed') effects.push({ kind: 'rehearsed', durationUs: receivedAtUs - sentAtUs });
      else if (asked.type === 'hello') effects.push({ kind: 'unwelcome', result });
      else if (asked.type === 'report') {
        effects.push({ kind: 'reported', decided: result.kind === 'reported' ? result.decided : undefined });
      } else if (asked.type === 'relay') effects.push(...notRelayed(asked.to, result));
    }
    return firstStamp ? [...effects, ...this.#beginWaiting(receivedAtUs)] : effects;
  }

  /** With a stamp known, nothing has to wait for hello any longer. */
  #beginWaiting(nowUs: number): Effect[] {
    const waiting = [...this.#outstanding.values()].filter(
      ({ attempt, requestId }) => attempt === null && !this.#lane.waits(requestId),
    );
    return waiting.flatMap((outstanding) => this.#begin(outstanding, 'socket', nowUs));
  }

  #begin(outstanding: Outstanding, path: Path, nowUs: number): Effect[] {
    if (path === 'https' || !this.#socketOpen) {
      this.#lane.add(outstanding.requestId);
      return this.#sendNext(nowUs);
    }
    return [this.#start(outstanding, 'socket', nowUs)];
  }

  /** Sends what HTTPS has a place for. */
  #sendNext(nowUs: number): Effect[] {
    for (let requestId = this.#lane.next(); requestId !== null; requestId = this.#lane.next()) {
      const outstanding = this.#outstanding.get(requestId);
      if (!outstanding) continue;
      const { attempt } = outstanding;
      const send = attempt ? this.#repeat(outstanding, attempt, nowUs) : this.#start(outstanding, 'https', nowUs);
      this.#lane.sent(send.request.sequence, nowUs);
      return [send];
    }
    return [];
  }

  /** A fresh request of its own send time: a new sequence, so that it does not get the stored reply to another. */
  #start(outstanding: Outstanding, path: Path, nowUs: number): Send {
    this.#sequence += 1;
    const sequence = this.#sequence;
    outstanding.attempt = { sequence, sentAtUs: nowUs, sends: 1, repeatAtUs: nowUs + REPEAT_AFTER_US };
    return { kind: 'send', path, request: this.#request(outstanding.asked, sequence, nowUs) };
  }

  /** The same sequence again: the witness answers it with the reply that it has stored, unextended (L13). */
  #repeat(outstanding: Outstanding, attempt: Attempt, nowUs: number): Send {
    attempt.sends += 1;
    attempt.repeatAtUs = attempt.sends < SENDS_MAX ? nowUs + 4 * REPEAT_AFTER_US : Number.POSITIVE_INFINITY;
    return { kind: 'send', path: 'https', request: this.#request(outstanding.asked, attempt.sequence, nowUs) };
  }

  /** What has been released never lives again (L5): neither a repeat nor a late grant of it may. */
  #forgetVotes(group: string): void {
    for (const { requestId, asked } of this.#outstanding.values()) {
      if (asked.type === 'vote' && asked.group === group) this.#outstanding.delete(requestId);
    }
  }

  #request(asked: Asked, sequence: number, nowUs: number): WitnessRequest {
    const { groups, incarnation } = this.#options;
    return buildRequest(asked, { sequence, incarnation, ...this.#stamp.echo(nowUs), serial: this.#serial }, groups);
  }
}

function notRelayed(to: string, result: WitnessResult): Effect[] {
  if (result.kind === 'relay_refused') return [{ kind: 'not_relayed', to, reason: result.reason }];
  return result.kind === 'relayed' && !result.delivered ? [{ kind: 'not_relayed', to, reason: 'no_link' }] : [];
}
