import type { WitnessFrame, WitnessMessage } from '@tiebreak/shared/wire';
import sha256 from 'fast-sha256';

const utf8 = new TextEncoder();
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
    const digest = this.#hmac.update(bytesOf(body)).digest();
    this.#hmac.reset();
    return { body, mac: hexOf(digest) };
  }
}

/** UTF-8. Plain letters by hand, as nearly all messages have no others: a call into the runtime takes longer. */
function bytesOf(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return utf8.encode(text);
    bytes[index] = code;
  }
  return bytes;
}

function hexOf(bytes: Uint8Array): string {
  let hex = '';
  for (const byte of bytes) hex += HEX[byte];
  return hex;
}
