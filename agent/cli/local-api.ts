import { parseJson } from '@tiebreak/shared/wire';
import { Agent, request } from 'undici';

export type ApiTarget =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

export type ApiAnswer = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: string };

/** An agent that is well answers in a millisecond. */
const TIMEOUT_MS = 3_000;

/** The body of `GET path`; otherwise what went wrong and what to do, for a person. */
export function readApi(target: ApiTarget, path: string): Promise<ApiAnswer> {
  return ask(target, path, { method: 'GET' });
}

/** `POST path` with a JSON body, over the socket: over TCP a token would be needed. What came of it, for a person. */
export async function writeApi(target: ApiTarget, path: string, body: unknown): Promise<ApiAnswer> {
  const headers = { 'content-type': 'application/json' };
  const answer = await ask(target, path, { method: 'POST', body: JSON.stringify(body), headers });
  return answer.ok ? { ok: true, text: detailOf(answer.text) ?? answer.text } : answer;
}

type Request = {
  readonly method: 'GET' | 'POST';
  readonly body?: string;
  readonly headers?: Record<string, string>;
};

async function ask(target: ApiTarget, path: string, asked: Request): Promise<ApiAnswer> {
  const dispatcher = new Agent(target.kind === 'socket' ? { connect: { socketPath: target.path } } : {});
  try {
    const url = new URL(path, target.kind === 'socket' ? 'http://localhost' : target.url);
    const response = await request(url, { ...asked, dispatcher, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.body.text();
    if (response.statusCode === 200) return { ok: true, text };
    const detail = detailOf(text) ?? `${response.statusCode}: ${text.slice(0, 500)}`;
    return { ok: false, error: `the agent at ${placeOf(target)} says: ${detail}` };
  } catch (error) {
    return { ok: false, error: describeFailure(error, target) };
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

function describeFailure(error: unknown, target: ApiTarget): string {
  const place = placeOf(target);
  if (error instanceof Error && error.name === 'TimeoutError') {
    return `the agent at ${place} has not answered for ${TIMEOUT_MS / 1000} s; it may be frozen`;
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
