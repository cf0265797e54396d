import type { WitnessMessage, WitnessResult } from '@tiebreak/shared/wire';
import { openFrame } from '../../agent/witness-link/frame.ts';
import { type Asked, buildRequest } from '../../agent/witness-link/requests.ts';
import { Stamp } from '../../agent/witness-link/stamp.ts';
import { type NodeToken, parseNodeToken } from '../../agent/witness-link/token.ts';
import { RequestPath, SocketPath, type WitnessPath } from './paths.ts';
import type { ServedWitness } from './served-witness.ts';

export const GROUP = 'edge';
export const CONFIG_HASH = '0123456789abcdef';

/** Times on this process's monotonic clock. */
export type Answer = {
  readonly sentMs: number;
  readonly answeredMs: number;
  /** Of the text alone, from its sending to its answer. */
  readonly roundTripMs: number;
  readonly serial: number;
  readonly result: WitnessResult;
};

type Numbered = { readonly asked: Asked; readonly sequence: number; readonly sentMs: number };

export type Enrolled = { readonly cluster: string; readonly node: string; readonly token: string };

/** An agent as the witness sees it: numbers its requests, echoes the last stamp, verifies every answer (L13, L14). */
export class VotingNode {
  /** The highest that it has been shown. */
  serial = 0;
  readonly #witness: ServedWitness;
  readonly #enrolled: Enrolled;
  readonly #way: 'https' | 'link';
  readonly #identity: NodeToken;
  readonly #stamp = new Stamp();
  #path: { readonly origin: string; readonly opened: WitnessPath } | null = null;
  #sequence = 0;
  #last: Numbered | null = null;

  constructor(witness: ServedWitness, enrolled: Enrolled, way: 'https' | 'link') {
    const parsed = parseNodeToken(enrolled.token);
    if (!parsed.ok) throw new Error(parsed.reason);
    this.#identity = parsed.token;
    this.#witness = witness;
    this.#enrolled = enrolled;
    this.#way = way;
  }

  get name(): string {
    return this.#enrolled.node;
  }

  /** Null: the witness was killed under it. */
  async ask(asked: Asked): Promise<Answer | null> {
    this.#sequence += 1;
    this.#last = { asked, sequence: this.#sequence, sentMs: performance.now() };
    return this.#send(this.#last);
  }

  /** The last request again, under its own number; it counts from when it was sent first. */
  async askAgain(): Promise<Answer | null> {
    return this.#last === null ? null : this.#send(this.#last);
  }

  hello(): Promise<Answer | null> {
    return this.ask({ type: 'hello' });
  }

  vote(counter: number, promiseMs: number): Promise<Answer | null> {
    const ballot = { counter, node: this.name };
    return this.ask({ type: 'vote', group: GROUP, ballot, promiseMs, configHash: CONFIG_HASH });
  }

  release(counter: number): Promise<Answer | null> {
    return this.ask({ type: 'release', group: GROUP, ballot: { counter, node: this.name } });
  }

  close(): void {
    this.#path?.opened.close();
    this.#path = null;
  }

  async #send({ asked, sequence, sentMs }: Numbered): Promise<Answer | null> {
    const path = this.#openPath();
    if (path === null) return null;
    const nowMs = performance.now();
    const envelope = { incarnation: 1, sequence, serial: this.serial, ...this.#stamp.echo(nowMs * 1_000) };
    const groups = [{ group: GROUP, configHash: CONFIG_HASH }];
    const request = JSON.stringify(buildRequest(asked, envelope, () => groups));
    const askedMs = performance.now();
    const text = await path.ask(request);
    if (text === null) return null;
    const answeredMs = performance.now();
    const reply = this.#open(text);
    if (reply.sequence !== sequence) throw new Error(`request ${sequence} was answered as ${reply.sequence}`);
    this.#stamp.learn(reply.stamp_ms, nowMs * 1_000, answeredMs * 1_000, true);
    this.serial = Math.max(this.serial, reply.serial);
    return { sentMs, answeredMs, roundTripMs: answeredMs - askedMs, serial: reply.serial, result: reply.result };
  }

  /** To the witness as it runs now; null: it does not. */
  #openPath(): WitnessPath | null {
    if (!this.#witness.isUp) return null;
    const { origin } = this.#witness;
    if (this.#path?.origin === origin) return this.#path.opened;
    this.close();
    const where = { origin, ...this.#enrolled };
    const opened = this.#way === 'link' ? SocketPath.ofLink(where) : RequestPath.toCluster(where);
    this.#path = { origin, opened };
    return opened;
  }

  #open(text: string): Extract<WitnessMessage, { type: 'reply' }> {
    const opened = openFrame(text, this.#identity.replyKey, this.#identity.witnessId);
    if (!opened.ok) throw new Error(`not to be believed (${opened.reason}): ${text}`);
    if (opened.message.type !== 'reply' || opened.message.node !== this.name) throw new Error(`no reply: ${text}`);
    return opened.message;
  }
}
