import { Agent, request } from 'undici';
import { type Call, type Failure, lasting, passing } from './provider.ts';

export type ApiRequest = {
  readonly method: 'GET' | 'POST' | 'PUT';
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
};

/** Header names are in lower case. */
export type ApiAnswer = {
  readonly kind: 'answer';
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly text: string;
};

const CONNECT_TIMEOUT_MS = 5_000;
const DEADLINE_MS = 10_000;
/** A droplet's whole description is below 10 KB; a page of 50 floating IPs below 50. */
const ANSWER_BYTES_MAX = 1_048_576;
const KEEP_ALIVE_MS = 4_000;

/**
 * Requests to a cloud, each with a deadline of 10 s and a limit of 1 MB. Certificates are verified, redirects are not
 * followed: they would carry a token, or a decision, to somebody else.
 */
export class ApiClient {
  readonly #agent = new Agent({
    allowH2: false,
    connect: { timeout: CONNECT_TIMEOUT_MS },
    keepAliveTimeout: KEEP_ALIVE_MS,
    maxResponseSize: ANSWER_BYTES_MAX,
  });
  readonly #deadlineMs: number;

  constructor(deadlineMs = DEADLINE_MS) {
    this.#deadlineMs = deadlineMs;
  }

  /** One request, sent only if `call` allows it at this moment; never rejects. Statuses of 400 and more are answers. */
  async send({ method, url, headers, body }: ApiRequest, call: Call): Promise<ApiAnswer | Failure> {
    if (call.signal.aborted || !call.allowed()) return passing('this node does not own the group any more');
    const late = AbortSignal.timeout(this.#deadlineMs);
    const { host } = new URL(url);
    try {
      const answer = await request(url, {
        dispatcher: this.#agent,
        method,
        headers: { 'user-agent': 'tiebreak', ...headers },
        body: body ?? null,
        signal: AbortSignal.any([late, call.signal]),
      });
      const text = await answer.body.text();
      const { statusCode: status } = answer;
      if (status >= 300 && status <= 399) {
        return lasting(`${host} answers with a redirection (HTTP ${status}), which is not followed: correct 'url'`);
      }
      return { kind: 'answer', status, headers: singleValues(answer.headers), text };
    } catch (error) {
      if (late.aborted) return passing(`no answer from ${host} within ${this.#deadlineMs / 1_000} s`);
      return passing(`no answer from ${host}: ${reasonOf(error)}`);
    }
  }

  /** Ends what is under way. */
  close(): void {
    void this.#agent.destroy();
  }
}

function singleValues(headers: Readonly<Record<string, string | string[] | undefined>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(headers).flatMap(([name, value]): [string, string][] => {
      const text = Array.isArray(value) ? value[0] : value;
      return text === undefined ? [] : [[name.toLowerCase(), text]];
    }),
  );
}

/** The code where there is one: an error's message could quote what was sent. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.name;
}
