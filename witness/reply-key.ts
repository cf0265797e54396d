import type { WitnessFrame, WitnessMessage } from '@tiebreak/shared/wire';
import sha256 from 'fast-sha256';

const text = new TextEncoder();
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * The key that signs what the witness says to one node (L14), ready to sign: HMAC-SHA256 with its key hashed already. A host
 * may be waiting for the vote, and the runtime's own `createHmac` makes a stream for each signature.
 */
export class ReplyKey {
  /** As it is stored. */
  readonly hex: string;
  readonly #hmac: InstanceType<typeof sha256.HMAC>;

  /** @param hex of as many bytes as you like, two digits each */
  constructor(hex: string) {
    this.hex = hex;
    this.#hmac = new sha256.HMAC(Buffer.from(hex, 'hex'));
  }

  /** `mac` covers the text of `body`. */
  sign(message: WitnessMessage): WitnessFrame {
    const body = JSON.stringify(message);
    const digest = this.#hmac.update(text.encode(body)).digest();
    this.#hmac.reset();
    return { body, mac: hexOf(digest) };
  }
}

/** By hand: a call into the runtime for it takes longer. */
function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}
