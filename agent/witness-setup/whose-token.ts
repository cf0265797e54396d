import { HelloRequest, WITNESS_PROTOCOLS } from '@tiebreak/shared/wire';
import { request } from 'undici';
import { openFrame, parseNodeToken } from '../witness-link/index.ts';

const TIMEOUT_MS = 15_000;

/** `unknown`: nobody has said, so that nothing may be built on it. */
export type TokenOwner = { readonly kind: 'node'; readonly node: string } | { readonly kind: 'void' | 'unknown' };

/** Whose token this is, as the witness says and signs; hello binds nobody and opens no link. */
export async function whoseToken(url: string, cluster: string, token: string): Promise<TokenOwner> {
  const parsed = parseNodeToken(token);
  if (!parsed.ok) return { kind: 'void' };
  const hello = HelloRequest.parse({
    type: 'hello',
    protocols: [...WITNESS_PROTOCOLS],
    groups: [],
    ...{ sequence: 0, incarnation: 0, stamp_ms: 0, stamp_age_ms: 0, serial: 0 },
  });
  try {
    const answer = await request(new URL(`/v1/clusters/${cluster}/request`, url), {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(hello),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await answer.body.text();
    if (answer.statusCode === 401) return { kind: 'void' };
    const opened = openFrame(text, parsed.token.replyKey, parsed.token.witnessId);
    if (!opened.ok || opened.message.type !== 'reply') return { kind: 'unknown' };
    return { kind: 'node', node: opened.message.node };
  } catch {
    return { kind: 'unknown' };
  }
}
