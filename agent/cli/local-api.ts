import { parseJson } from '@tiebreak/shared/wire';
import { Agent, request } from 'undici';

export type ApiTarget =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

export type ApiAnswer =
  | { readonly ok: true; readonly text: string }
  /** `refused`: in the agent's own words; left out: it has not said so. */
  | { readonly ok: false; readonly error: string; readonly refused?: string };

/** An agent that is well answers in a millisecond. */
const TIMEOUT_MS = 3_000;
const REFUSED = 409;

/** The body of `GET path`; otherwise what went wrong and what to do, for a person. */
export function readApi(target: ApiTarget, path: string): Promise<ApiAnswer> {
  return ask(target, path, { method: 'GET' });
}

/** `POST path` with a JSON body, over the socket: over TCP a token would be needed. What came of it, for a person. */
export async function writeApi(
  target: ApiTarget,
  path: string,
  body: unknown,
  timeoutMs = TIMEOUT_MS,
): Promise<ApiAnswer> {
  const headers = { 'content-type': 'application/json' };
  const answer = await ask(target, path, { method: 'POST', body: JSON.stringify(body), headers }, timeoutMs);
  return answer.ok ? { ok: true, text: detailOf(answer.text) ?? answer.text } : answer;
}

type Request = {
  readonly method: 'GET' | 'POST';
  readonly body?: string;
  readonly headers?: Record<string, string>;
};

async function ask(target: ApiTarget, path: string, asked: Request, timeoutMs = TIMEOUT_MS): Promise<ApiAnswer> {
  const dispatcher = new Agent(target.kind === 'socket' ? { connect: { socketPath: target.path } } : {});
  try {
    const url = new URL(path, target.kind === 'socket' ? 'http://localhost' : target.url);
    const response = await request(url, { ...asked, dispatcher, signal: AbortSignal.timeout(timeoutMs) });
    const text = await response.body.text();
    if (response.statusCode === 200) return { ok: true, text };
    const told = detailOf(text);
    const error = `the agent at ${placeOf(target)} says: ${told ?? `${response.statusCode}: ${text.slice(0, 500)}`}`;
    return response.statusCode === REFUSED && told !== undefined
      ? { ok: false, error, refused: told }
      : { ok: false, error };
  } catch (error) {
    return { ok: false, error: describeFailure(error, target, timeoutMs) };
  } finally {
    await dispatcher.destroy();
  }
}

/** What an answer says for people, be it of a success or Problem Details (RFC 9457). */
function detailOf(text: string): string | undefined {
  const parsed = parseJson(text);
  if (typeof parsed !== 'object' || parsed === null || !('detail' in parsed)) return undefined;
  return typeof parsed.detail === 'string' ? parsed.detail : undefined;
}

function placeOf(target: ApiTarget): string {
  return target.kind === 'socket' ? target.path : target.url;
}

function describeFailure(error: unknown, target: ApiTarget, timeoutMs: number): string {
  const place = placeOf(target);
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `the agent at ${place} has not answered for ${timeoutMs / 1000} s; it may be frozen`;
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  switch (code) {
    case 'ENOENT':
    case 'ECONNREFUSED':
      return `no agent answers at ${place}; start one with: tiebreak run --config FILE`;
    case 'EACCES':
      return `this user may not ask the agent at ${place}; use sudo, or join the socket's group`;
    default:
      return `cannot ask the agent at ${place}: ${error instanceof Error ? error.message : error}`;
  }
}
