import type { WitnessFrame, WitnessMessage } from '@tiebreak/shared/wire';
import sha256 from 'fast-sha256';

const utf8 = new TextEncoder();
const DIGITS = '0123456789abcdef';
/** Of the message being signed, to be used again: a vote that leaves garbage brings the next collection nearer. */
let letters = new Uint8Array(1_024);
const digest = new Uint8Array(32);
const hexDigits = new Array<number>(64).fill(0);

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
    this.#hmac.update(bytesOf(body)).finish(digest);
    this.#hmac.reset();
    return { body, mac: hexOf(digest) };
  }
}

/**
 * UTF-8, good until the next call. Plain letters by hand, as nearly all messages have no others: a call into the runtime takes
 * longer.
 */
function bytesOf(text: string): Uint8Array {
  if (text.length > letters.length) letters = new Uint8Array(2 * text.length);
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code > 0x7f) return utf8.encode(text);
    letters[index] = code;
  }
  return letters.subarray(0, text.length);
}

function hexOf(bytes: Uint8Array): string {
  let at = 0;
  for (const byte of bytes) {
    hexDigits[at] = DIGITS.charCodeAt(byte >> 4);
    hexDigits[at + 1] = DIGITS.charCodeAt(byte & 0xf);
    at += 2;
  }
  return String.fromCharCode(...hexDigits);
}
