import { sameText } from './credential.ts';

/** Who asks, as far as the Worker knows: it has verified the admin's token, the others are for the cluster to verify. */
export type Caller =
  | { readonly kind: 'admin' }
  | { readonly kind: 'node' | 'viewer' | 'monitor'; readonly token: string };

const NODE_TOKEN_PREFIX = 'tbn1.';
const VIEWER_TOKEN_PREFIX = 'tbv1.';
const MONITOR_TOKEN_PREFIX = 'tbm1.';

/** Tells the admin from the others; whether their tokens are good is for their cluster to say. Null: nobody who could be. */
export function callerOf(token: string, env: { readonly TIEBREAK_ADMIN_TOKEN?: string }): Caller | null {
  if (sameText(token, env.TIEBREAK_ADMIN_TOKEN ?? '')) return { kind: 'admin' };
  if (token.startsWith(NODE_TOKEN_PREFIX)) return { kind: 'node', token };
  if (token.startsWith(VIEWER_TOKEN_PREFIX)) return { kind: 'viewer', token };
  if (token.startsWith(MONITOR_TOKEN_PREFIX)) return { kind: 'monitor', token };
  return null;
}
