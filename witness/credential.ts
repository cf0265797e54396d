import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import {
  CREDENTIAL_LABEL,
  MONITOR_TOKEN,
  NODE_TOKEN,
  REPLY_KEY_LABEL,
  VIEWER_TOKEN,
  type WitnessFrame,
  type WitnessMessage,
} from '@tiebreak/shared/wire';

/**
 * What is stored of a node's secret: enough to verify it (hex) and to sign for it, not to present it. The key is in bytes:
 * to read its hex anew for each vote would be a good part of the signature.
 */
export type Credential = { readonly verifier: string; readonly replyKey: Buffer };

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

/** Signs for one node (L14): `mac` covers the text of `body`. */
export function sign(message: WitnessMessage, replyKey: Buffer): WitnessFrame {
  const body = JSON.stringify(message);
  return { body, mac: createHmac('sha256', replyKey).update(body).digest('hex') };
}

function secretOf(pattern: RegExp, token: string, witnessId: string): Credential | null {
  const [, identity, secret] = pattern.exec(token) ?? [];
  if (identity === undefined || secret === undefined || !sameText(identity, witnessId)) return null;
  return credentialOf(secret);
}

function credentialOf(secret: string): Credential {
  const derive = (label: string) => createHmac('sha256', Buffer.from(secret, 'hex')).update(label).digest();
  return { verifier: derive(CREDENTIAL_LABEL).toString('hex'), replyKey: derive(REPLY_KEY_LABEL) };
}
