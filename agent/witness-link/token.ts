import { createHmac } from 'node:crypto';
import { NODE_TOKEN, REPLY_KEY_LABEL } from '@tiebreak/shared/wire';

export type NodeToken = {
  readonly witnessId: string;
  /** Authenticates the witness's replies (L14). */
  readonly replyKey: Buffer;
};

/** Reads a node's credential. Its failure never repeats the text, which may be most of a secret. */
export function parseNodeToken(text: string): { ok: true; token: NodeToken } | { ok: false; reason: string } {
  const [, witnessId, secret] = NODE_TOKEN.exec(text) ?? [];
  if (witnessId === undefined || secret === undefined) {
    return {
      ok: false,
      reason: 'a node token reads tbn1.<32 hex digits>.<64 hex digits>; enroll this node to get one',
    };
  }
  const replyKey = createHmac('sha256', Buffer.from(secret, 'hex')).update(REPLY_KEY_LABEL).digest();
  return { ok: true, token: { witnessId, replyKey } };
}
