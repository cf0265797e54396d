import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * Who may write: everyone who can open the Unix socket (its mode says who), and over TCP whoever knows the token; without a
 * token nobody.
 */
export type Access = { readonly kind: 'socket' } | { readonly kind: 'tcp'; readonly token: string | null };

export type AccessProblem = 'no_token_configured' | 'wrong_token';

/** `authorization`: the request's header. Compares in constant time, also where the lengths differ. */
export function writeProblem(access: Access, authorization: string | undefined): AccessProblem | undefined {
  if (access.kind === 'socket') return undefined;
  if (access.token === null) return 'no_token_configured';
  const presented = /^Bearer ([^\s]+)$/i.exec(authorization ?? '')?.[1] ?? '';
  return timingSafeEqual(digest(presented), digest(access.token)) ? undefined : 'wrong_token';
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
