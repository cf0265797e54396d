import { Agent, type buildConnector, request } from 'undici';
import { FRAME_LENGTH_MAX } from './frame.ts';
import { failureText } from './socket.ts';

const DEADLINE_MS = 1_500;
/** A request without an answer for so long holds up those behind it no longer. */
const STUCK_AFTER_MS = 400;
/** Longer than the time between two warm-ups, so that a vote finds a connection without a handshake. */
const KEEP_ALIVE_MS = 300_000;
export const WARM_INTERVAL_MS = 100_000;

export type HttpsAnswer = { ok: true; status: number; text: string } | { ok: false; detail: string };

/**
 * The second way to the witness: HTTP/1.1 on one connection that is kept warm, apart from the WebSocket's. One, because
 * the witness wants requests in the order of their sequence.
 */
export class HttpsPath {
  readonly #base: URL;
  #token: string;
  readonly #connect: buildConnector.connector;
  readonly #closing = new AbortController();
  readonly #underWay = new Set<{ startedMs: number }>();
  #agent: Agent;

  constructor(base: URL, token: string, connect: buildConnector.connector) {
    this.#base = base;
    this.#token = token;
    this.#connect = connect;
    this.#agent = this.#open();
  }

  /** Sends one JSON request with a deadline of 1.5 s; never rejects. */
  async ask(method: 'POST' | 'DELETE', path: string, body: string): Promise<HttpsAnswer> {
    return this.#request(method, path, body);
  }

  /** Opens the connection, or shows the network between that it is still in use. */
  async warm(): Promise<void> {
    await this.#request('GET', '/healthz', null);
  }

  use(token: string): void {
    this.#token = token;
  }

  /** After the path has proven dead: no request shall find a half-open connection. Those under way have their deadline. */
  renew(): void {
    const former = this.#agent;
    this.#underWay.clear();
    this.#agent = this.#open();
    void former.close();
  }

  close(): void {
    this.#closing.abort();
    void this.#agent.destroy();
  }

  #open(): Agent {
    return new Agent({
      allowH2: false,
      connect: this.#connect,
      connections: 1,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxResponseSize: FRAME_LENGTH_MAX,
    });
  }

  async #request(method: 'GET' | 'POST' | 'DELETE', path: string, body: string | null): Promise<HttpsAnswer> {
    const startedMs = performance.now();
    for (const other of this.#underWay) if (startedMs - other.startedMs >= STUCK_AFTER_MS) this.renew();
    const own = { startedMs };
    this.#underWay.add(own);
    try {
      const answer = await request(new URL(path, this.#base), {
        dispatcher: this.#agent,
        method,
        headers: body === null ? {} : { authorization: `Bearer ${this.#token}`, 'content-type': 'application/json' },
        body,
        signal: AbortSignal.any([AbortSignal.timeout(DEADLINE_MS), this.#closing.signal]),
      });
      return { ok: true, status: answer.statusCode, text: await answer.body.text() };
    } catch (error) {
      return { ok: false, detail: error instanceof Error ? failureText(error) : 'failed' };
    } finally {
      this.#underWay.delete(own);
    }
  }
}
