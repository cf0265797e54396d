import { createHmac, randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { ReplyKey } from '../../../witness/reply-key.ts';

const BLOCK_BYTES = 64;
/** One to four bytes each. */
const LETTERS = ['e', 'é', '€', '😀'] as const;

it('signs as every HMAC-SHA256 does, whatever the length of what it says, and one message after the other (L14)', () => {
  const hex = randomBytes(32).toString('hex');
  const key = new ReplyKey(hex);
  const lengths = Array.from({ length: 3 * BLOCK_BYTES + 1 }, (_, length) => length);
  for (const length of [...lengths, 5_000, 1, 20_000, 2]) {
    const message = {
      type: 'freed',
      witness_id: LETTERS[length % LETTERS.length] ?? '',
      group: 'g'.repeat(length),
    } as const;
    const { body, mac } = key.sign(message);
    expect(JSON.parse(body)).toEqual(message);
    expect(mac).toBe(createHmac('sha256', Buffer.from(hex, 'hex')).update(body).digest('hex'));
  }
});
