import { createHmac } from 'node:crypto';
import type { WitnessMessage, WitnessRequest, WitnessResult } from '@tiebreak/shared/wire';

export const WITNESS_ID = 'ab'.repeat(16);
export const SECRET = '0123456789abcdef'.repeat(4);
export const TOKEN = `tbn1.${WITNESS_ID}.${SECRET}`;
export const NODE = 'a';
export const INCARNATION = 7;
export const GROUPS = [{ group: 'edge', configHash: '00112233445566aa' }];

/** Written out by hand, not by the code under test: both ends of the wire must agree on it. */
export const REPLY_KEY = createHmac('sha256', Buffer.from(SECRET, 'hex')).update('tiebreak witness reply').digest();

export function signedText(body: string, key: Buffer = REPLY_KEY): string {
  return JSON.stringify({ body, mac: createHmac('sha256', key).update(body).digest('hex') });
}

export function signed(message: WitnessMessage, key: Buffer = REPLY_KEY): string {
  return signedText(JSON.stringify(message), key);
}

export type ReplyMessage = Extract<WitnessMessage, { type: 'reply' }>;

export function reply(
  request: WitnessRequest,
  result: WitnessResult,
  overrides: Partial<ReplyMessage> = {},
): ReplyMessage {
  return {
    type: 'reply',
    witness_id: WITNESS_ID,
    node: NODE,
    sequence: request.sequence,
    incarnation: INCARNATION,
    stamp_ms: 1_700_000_000_000,
    serial: 0,
    result,
    ...overrides,
  };
}

export function granted(request: WitnessRequest): WitnessResult {
  if (request.type !== 'vote') throw new Error(`a ${request.type} is no vote`);
  return { kind: 'granted', group: request.group, ballot: request.ballot, promise_ms: request.promise_ms };
}

export function refused(reason: 'stale' | 'bound', group = 'edge'): WitnessResult {
  return { kind: 'refused', group, reason, remaining_ms: 0, highest: { counter: 0, node: '' }, holder: null };
}
