/**
 * keepalived's `auth_hmac`: a trailer behind the VRRP message that proves who sent it and when.
 *
 * ```
 *  0 extension type 1   1 key id   2 reserved, 0
 *  4 sequence: seconds (4 bytes), 1/65536 s (2), counter (2)
 * 12 HMAC-SHA256, the first 16 bytes
 * ```
 *
 * The HMAC covers a header that never travels (family, version, VRID, source), the message with its checksum read as zero, and
 * the trailer with its HMAC read as zero. The checksum of IPv4 covers the message alone, that of IPv6 the trailer too.
 */
import { type AddressFamily, addressBytes } from './address.ts';
import { AUTH_DATA_BYTES } from './advertisement.ts';
import { checksumOf, sumOfPseudoHeader, sumOfWords } from './checksum.ts';

export const TRAILER_BYTES = 28;
const EXTENSION_TYPE = 1;
const HMAC_OFFSET = 12;
const HMAC_BYTES = 16;
const PSEUDO_BYTES = 20;
const HEADER_BYTES = 8;
const CHECKSUM_OFFSET = 6;

/** HMAC-SHA256, all 32 bytes of it. */
export type HmacSha256 = (key: Uint8Array, data: Uint8Array) => Uint8Array;

/** Who says it: bound into the HMAC, so that nothing can be passed off as another router's. */
export type TrailerContext = { readonly family: AddressFamily; readonly source: Uint8Array };

export type Trailer = {
  /** 1 to 255 */
  readonly keyId: number;
  /** 64 bits, unsigned */
  readonly sequence: bigint;
  readonly bytes: Uint8Array;
};

/** What a receiver got, apart. Without a trailer, or with what can be none, everything is the message. */
export function splitTrailer(
  payload: Uint8Array,
  family: AddressFamily,
): { readonly message: Uint8Array; readonly trailer: Uint8Array | undefined } {
  const version = (payload[0] ?? 0) >> 4;
  const authBytes = version === 2 ? AUTH_DATA_BYTES : 0;
  const messageBytes = HEADER_BYTES + (payload[3] ?? 0) * addressBytes(family) + authBytes;
  if (payload.length !== messageBytes + TRAILER_BYTES) return { message: payload, trailer: undefined };
  return { message: payload.subarray(0, messageBytes), trailer: payload.subarray(messageBytes) };
}

/** Undefined: it is of another kind. Nothing in it is proven yet. */
export function readTrailer(bytes: Uint8Array): Trailer | undefined {
  if (bytes.length !== TRAILER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, TRAILER_BYTES);
  if (view.getUint8(0) !== EXTENSION_TYPE || view.getUint16(2) !== 0) return undefined;
  return { keyId: view.getUint8(1), sequence: view.getBigUint64(4), bytes };
}

/** Whether the holder of `key` has sent that message with that trailer. In constant time. */
export function isTrailerOf(
  { bytes }: Trailer,
  message: Uint8Array,
  context: TrailerContext,
  key: Uint8Array,
  hmac: HmacSha256,
): boolean {
  const expected = hmac(key, hmacInput(message, bytes.subarray(0, HMAC_OFFSET), context));
  let difference = 0;
  for (let index = 0; index < HMAC_BYTES; index++) {
    difference |= (bytes[HMAC_OFFSET + index] ?? 0) ^ (expected[index] ?? 0);
  }
  return difference === 0;
}

/** The trailer for a message. The same for every destination. */
export function makeTrailer(
  { keyId, sequence }: Omit<Trailer, 'bytes'>,
  message: Uint8Array,
  context: TrailerContext,
  key: Uint8Array,
  hmac: HmacSha256,
): Uint8Array {
  const trailer = new Uint8Array(TRAILER_BYTES);
  const view = new DataView(trailer.buffer);
  view.setUint8(0, EXTENSION_TYPE);
  view.setUint8(1, keyId);
  view.setBigUint64(4, sequence);
  const prefix = trailer.subarray(0, HMAC_OFFSET);
  trailer.set(hmac(key, hmacInput(message, prefix, context)).subarray(0, HMAC_BYTES), HMAC_OFFSET);
  return trailer;
}

/** Message and trailer as they travel. */
export function withTrailer(
  message: Uint8Array,
  trailer: Uint8Array,
  { family, source, destination }: TrailerContext & { readonly destination: Uint8Array },
): Uint8Array {
  const payload = new Uint8Array(message.length + trailer.length);
  payload.set(message);
  payload.set(trailer, message.length);
  if (family === 'ipv4') return payload;
  const view = new DataView(payload.buffer);
  view.setUint16(CHECKSUM_OFFSET, 0);
  const sum = sumOfWords(payload) + sumOfPseudoHeader(source, destination, payload.length);
  view.setUint16(CHECKSUM_OFFSET, checksumOf(sum));
  return payload;
}

function hmacInput(message: Uint8Array, prefix: Uint8Array, { family, source }: TrailerContext): Uint8Array {
  const input = new Uint8Array(PSEUDO_BYTES + message.length + TRAILER_BYTES);
  input[0] = family === 'ipv6' ? 6 : 4;
  input[1] = (message[0] ?? 0) >> 4;
  input[2] = message[1] ?? 0;
  input.set(source, 4);
  input.set(message, PSEUDO_BYTES);
  input.fill(0, PSEUDO_BYTES + CHECKSUM_OFFSET, PSEUDO_BYTES + CHECKSUM_OFFSET + 2);
  input.set(prefix, PSEUDO_BYTES + message.length);
  return input;
}
