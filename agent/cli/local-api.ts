import { Agent, request } from 'undici';

export type ApiTarget =
  | { readonly kind: 'socket'; readonly path: string }
  | { readonly kind: 'url'; readonly url: string };

export type ApiAnswer = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly error: string };

/** An agent that is well answers in a millisecond. */
const TIMEOUT_MS = 3_000;

/** The body of `GET path`; otherwise what went wrong and what to do, for a person. */
export async function readApi(target: ApiTarget, path: string): Promise<ApiAnswer> {
  const dispatcher = new Agent(target.kind === 'socket' ? { connect: { socketPath: target.path } } : {});
  try {
    const url = new URL(path, target.kind === 'socket' ? 'http://localhost' : target.url);
    const response = await request(url, { dispatcher, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const text = await response.body.text();
    if (response.statusCode === 200) return { ok: true, text };
    return {
      ok: false,
      error: `the agent at ${placeOf(target)} answered ${response.statusCode}: ${text.slice(0, 500)}`,
    };
  } catch (error) {
    return { ok: false, error: describeFailure(error, target) };
  } finally {
    await dispatcher.destroy();
  }
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
