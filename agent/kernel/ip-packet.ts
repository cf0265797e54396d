import { VRRP_PROTOCOL } from '@tiebreak/shared/vrrp';

/** IP headers around a VRRP message. Pure: bytes in, bytes out. */

/** RFC 9568 sections 5.1.1.3 and 5.1.2.3: sent with 255, so that a receiver can tell that no router forwarded it. */
const HOP_LIMIT = 255;
/** CS6, network control (RFC 4594 section 3.1), as the whole former type of service byte. */
const TRAFFIC_CLASS = 0xc0;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;

export interface Ipv4Payload {
  ok: true;
  /** A view of the packet. */
  message: Uint8Array;
  source: Uint8Array;
  destination: Uint8Array;
  hopLimit: number;
}

export type MalformedIpv4 = { ok: false; reason: 'truncated' | 'not-ipv4' | 'bad-header-length' | 'not-vrrp' };

/** An IPv4 packet with protocol 112. The kernel fills in the identification and the header's checksum (raw(7)). */
export function ipv4VrrpPacket(source: Uint8Array, destination: Uint8Array, message: Uint8Array): Uint8Array {
  const packet = new Uint8Array(IPV4_HEADER_BYTES + message.length);
  const view = new DataView(packet.buffer);
  view.setUint8(0, 0x45); // version 4, five words of header
  view.setUint8(1, TRAFFIC_CLASS);
  view.setUint16(2, packet.length);
  view.setUint8(8, HOP_LIMIT);
  view.setUint8(9, VRRP_PROTOCOL);
  packet.set(source, 12);
  packet.set(destination, 16);
  packet.set(message, IPV4_HEADER_BYTES);
  return packet;
}

/** An IPv6 packet with next header 112. */
export function ipv6VrrpPacket(source: Uint8Array, destination: Uint8Array, message: Uint8Array): Uint8Array {
  const packet = new Uint8Array(IPV6_HEADER_BYTES + message.length);
  const view = new DataView(packet.buffer);
  view.setUint32(0, 0x60000000 | (TRAFFIC_CLASS << 20)); // version 6, traffic class, no flow label
  view.setUint16(4, message.length);
  view.setUint8(6, VRRP_PROTOCOL);
  view.setUint8(7, HOP_LIMIT);
  packet.set(source, 8);
  packet.set(destination, 24);
  packet.set(message, IPV6_HEADER_BYTES);
  return packet;
}

/**
 * Takes the header off a packet as an IPv4 raw socket delivers it (RFC 791 section 3.1). Trusts no length; bytes
 * behind the total length are link-layer padding and dropped.
 */
export function parseIpv4Packet(packet: Uint8Array): Ipv4Payload | MalformedIpv4 {
  if (packet.length < IPV4_HEADER_BYTES) return { ok: false, reason: 'truncated' };
  const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength);
  const versionAndLength = view.getUint8(0);
  if (versionAndLength >> 4 !== 4) return { ok: false, reason: 'not-ipv4' };
  const headerBytes = (versionAndLength & 0x0f) * 4;
  const totalBytes = view.getUint16(2);
  if (headerBytes < IPV4_HEADER_BYTES || headerBytes > totalBytes) return { ok: false, reason: 'bad-header-length' };
  if (totalBytes > packet.length) return { ok: false, reason: 'truncated' };
  if (view.getUint8(9) !== VRRP_PROTOCOL) return { ok: false, reason: 'not-vrrp' };
  return {
    ok: true,
    message: packet.subarray(headerBytes, totalBytes),
    source: packet.subarray(12, 16),
    destination: packet.subarray(16, 20),
    hopLimit: view.getUint8(8),
  };
}
