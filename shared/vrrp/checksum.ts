/**
 * The Internet checksum (RFC 1071) and what VRRP lets it cover.
 *
 * | message       | covers                                                                                       |
 * |---------------|----------------------------------------------------------------------------------------------|
 * | version 2     | the message, its authentication data included (RFC 3768 section 5.3.8)                       |
 * | version 3, v4 | `message`: the message alone (RFC 9568 section 5.2.8), or `pseudo-header`: as the installed   |
 * |               | base of RFC 5798 reads it                                                                    |
 * | version 3, v6 | the message after the pseudo-header of RFC 8200 section 8.1                                  |
 *
 * Sums are plain numbers until `fold`: the longest message (255 IPv6 addresses) cannot pass 2^28.
 */
export type ChecksumForm = 'pseudo-header' | 'message';

/** IP protocol and next header of VRRP. */
export const VRRP_PROTOCOL = 112;

/** The sum of `bytes` as big-endian 16-bit words, carries not yet folded; an odd last byte is padded with zero. */
export function sumOfWords(bytes: Uint8Array): number {
  const end = bytes.length & ~1;
  let sum = 0;
  for (let offset = 0; offset < end; offset += 2) {
    sum += ((bytes[offset] ?? 0) << 8) | (bytes[offset + 1] ?? 0);
  }
  return end === bytes.length ? sum : sum + ((bytes[end] ?? 0) << 8);
}

/**
 * The sum of the pseudo-header before a message of `messageBytes`. RFC 8200 section 8.1 and the IPv4 pseudo-header
 * differ in layout only: both add up the addresses, the length and the protocol.
 */
export function sumOfPseudoHeader(source: Uint8Array, destination: Uint8Array, messageBytes: number): number {
  return sumOfWords(source) + sumOfWords(destination) + messageBytes + VRRP_PROTOCOL;
}

/** Adds the carries in until 16 bits are left. 0xffff: a message whose checksum field was summed too is intact. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + (folded >>> 16);
  return folded;
}

/** The checksum field for a message whose words, with that field zero, add up to `sum`. */
export function checksumOf(sum: number): number {
  return ~fold(sum) & 0xffff;
}
