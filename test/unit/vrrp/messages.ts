import type { ReceivedEnvelope } from '@tiebreak/shared/vrrp';

/**
 * The message with a right checksum: over the pseudo-header too if an IPv6 envelope is given. Written apart from the
 * code under test, byte by byte with a carry at every step, so that it cannot share a mistake with it.
 */
export function withChecksum(message: Uint8Array, envelope: ReceivedEnvelope | undefined): Uint8Array {
  if (message.length < 8) return message;
  const fixed = Uint8Array.from(message);
  fixed[6] = 0;
  fixed[7] = 0;
  const length = fixed.length;
  const pseudoHeader =
    envelope?.family === 'ipv6'
      ? [...envelope.source, ...envelope.destination, 0, 0, length >> 8, length & 0xff, 0, 0, 0, 112]
      : [];
  const covered = [...pseudoHeader, ...fixed];
  if (covered.length % 2 === 1) covered.push(0);
  let sum = 0;
  for (const [index, byte] of covered.entries()) {
    sum += index % 2 === 0 ? byte * 256 : byte;
    if (sum >= 0x1_0000) sum -= 0xffff;
  }
  fixed[6] = 0xff - (sum >> 8);
  fixed[7] = 0xff - (sum & 0xff);
  return fixed;
}
