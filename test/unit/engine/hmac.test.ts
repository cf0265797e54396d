import { expect, test } from 'vitest';
import { hmacSha256 } from '../../../agent/engine/hmac.ts';

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

test('the HMAC is the one of RFC 4231, cases 1 and 2, however often a key is used', () => {
  const key = new Uint8Array(20).fill(0x0b);
  for (let uses = 0; uses < 2; uses += 1) {
    expect(hex(hmacSha256(key, Buffer.from('Hi There')))).toBe(
      'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7',
    );
    expect(hex(hmacSha256(Buffer.from('Jefe'), Buffer.from('what do ya want for nothing?')))).toBe(
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    );
  }
});
