import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { CREDENTIAL_LABEL, MONITOR_TOKEN, NODE_TOKEN, REPLY_KEY_LABEL, VIEWER_TOKEN } from '@tiebreak/shared/wire';
import { ReplyKey } from './reply-key.ts';

/** What is stored of a node's secret: enough to verify it (hex) and to sign for it, not to present it. */
export type Credential = { readonly verifier: string; readonly replyKey: ReplyKey };

export function newWitnessId(): string {
  return randomBytes(16).toString('hex');
}

export function newToken(witnessId: string): { token: string; credential: Credential } {
  const secret = randomBytes(32).toString('hex');
  return { token: `tbn1.${witnessId}.${secret}`, credential: credentialOf(secret) };
}

/** Of someone who only looks, or who only reports the health of services. */
export type TokenKind = 'viewer' | 'monitor';

const TOKEN_PREFIXES: Readonly<Record<TokenKind, string>> = { viewer: 'tbv1', monitor: 'tbm1' };
const TOKEN_PATTERNS: Readonly<Record<TokenKind, RegExp>> = { viewer: VIEWER_TOKEN, monitor: MONITOR_TOKEN };

export function newHolderToken(kind: TokenKind, witnessId: string): { token: string; verifier: string } {
  const secret = randomBytes(32).toString('hex');
  return { token: `${TOKEN_PREFIXES[kind]}.${witnessId}.${secret}`, verifier: credentialOf(secret).verifier };
}

/** What is stored of such a token; null if it is of another kind or witness, or none. */
export function readHolderToken(kind: TokenKind, token: string, witnessId: string): string | null {
  return secretOf(TOKEN_PATTERNS[kind], token, witnessId)?.verifier ?? null;
}

/** The keys which the token's secret stands for; null if it is another witness's token, or none. */
export function readToken(token: string, witnessId: string): Credential | null {
  return secretOf(NODE_TOKEN, token, witnessId);
}

/** In constant time, whatever the lengths. */
export function sameText(left: string, right: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

function secretOf(pattern: RegExp, token: string, witnessId: string): Credential | null {
  const [, identity, secret] = pattern.exec(token) ?? [];
  if (identity === undefined || secret === undefined || !sameText(identity, witnessId)) return null;
  return credentialOf(secret);
}

function credentialOf(secret: string): Credential {
  const derive = (label: string) => createHmac('sha256', Buffer.from(secret, 'hex')).update(label).digest('hex');
  return { verifier: derive(CREDENTIAL_LABEL), replyKey: new ReplyKey(derive(REPLY_KEY_LABEL)) };
}
