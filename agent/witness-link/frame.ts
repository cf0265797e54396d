import { createHmac, timingSafeEqual } from 'node:crypto';
import { parseJson, WitnessFrame, WitnessMessage } from '@tiebreak/shared/wire';

/** Longer than any frame can be: its body has at most 16 384 characters, and JSON doubles some of them. */
export const FRAME_LENGTH_MAX = 40_000;

/** What was not believed, by reason. */
export type DropCounts = {
  /** too long, no JSON, or not of the frame's shape */
  no_frame: number;
  /** not signed with this node's reply key */
  bad_mac: number;
  /** signed, but no message that this version knows */
  bad_body: number;
  /** from another deployment than the token's (L14) */
  wrong_witness: number;
  /** meant for someone else */
  wrong_node: number;
  /** the answer to a former process */
  wrong_incarnation: number;
  /** never asked, or answered already: a repeat, a replay, or too late */
  not_outstanding: number;
  /** no answer to what was asked */
  wrong_result: number;
};
export type DropReason = keyof DropCounts;

export function noDrops(): DropCounts {
  return {
    no_frame: 0,
    bad_mac: 0,
    bad_body: 0,
    wrong_witness: 0,
    wrong_node: 0,
    wrong_incarnation: 0,
    not_outstanding: 0,
    wrong_result: 0,
  };
}

export type OpenedFrame = { ok: true; message: WitnessMessage } | { ok: false; reason: DropReason };

/** Verifies what came from the witness before it looks into it: the mac first, then the shape, then the identity (L14). */
export function openFrame(text: string, replyKey: Buffer, witnessId: string): OpenedFrame {
  const frame = WitnessFrame.safeParse(text.length > FRAME_LENGTH_MAX ? undefined : parseJson(text));
  if (!frame.success) return { ok: false, reason: 'no_frame' };
  const expected = createHmac('sha256', replyKey).update(frame.data.body).digest();
  if (!timingSafeEqual(expected, Buffer.from(frame.data.mac, 'hex'))) return { ok: false, reason: 'bad_mac' };
  const message = WitnessMessage.safeParse(parseJson(frame.data.body));
  if (!message.success) return { ok: false, reason: 'bad_body' };
  if (message.data.witness_id !== witnessId) return { ok: false, reason: 'wrong_witness' };
  return { ok: true, message: message.data };
}
