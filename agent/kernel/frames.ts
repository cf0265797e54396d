import { type AddressFamily, familyOf } from '@tiebreak/shared/vrrp';
import { ipv4VrrpPacket, ipv6VrrpPacket } from './ip-packet.ts';

/** Ethernet frames that announce an address or its router, or ask for one. Pure: bytes in, bytes out. Malformed arguments are bugs and throw. */

const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;
const ETHERNET_HEADER_BYTES = 14;
const IPV4_HEADER_BYTES = 20;
const IPV6_HEADER_BYTES = 40;
const ARP_BYTES = 28;
const NEIGHBOUR_DISCOVERY_BYTES = 32;
const ICMPV6 = 58;
const ND_HOP_LIMIT = 255; // RFC 4861 section 7.1.2: receivers drop anything else
const BROADCAST_MAC = Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff);
const ALL_NODES = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);

/** Bytes of a MAC address. */
export const MAC_BYTES = 6;

/**
 * A gratuitous ARP, 42 bytes: a broadcast ARP *request* whose sender and target are both `address` (RFC 5227 section
 * 3 prefers the request form; RFC 9568 section 6.4.2). Byte for byte what keepalived sends, target hardware address
 * ff:ff:ff:ff:ff:ff included: no receiver looks at that field, and switches and hosts in the field have seen it.
 */
export function gratuitousArpFrame({ mac, address }: { mac: Uint8Array; address: Uint8Array }): Uint8Array {
  return arpRequestFrame({ mac, source: address, target: address, targetMac: BROADCAST_MAC });
}

/** A broadcast ARP request, 42 bytes: who has `target`, tell `source` at `mac` (RFC 826). */
export function arpRequestFrame(request: {
  mac: Uint8Array;
  source: Uint8Array;
  target: Uint8Array;
  targetMac?: Uint8Array;
}): Uint8Array {
  const { mac, source, target, targetMac = new Uint8Array(MAC_BYTES) } = request;
  requireBytes('MAC address', mac, MAC_BYTES);
  requireBytes('IPv4 address', source, 4);
  requireBytes('IPv4 address', target, 4);
  const frame = new Uint8Array(ETHERNET_HEADER_BYTES + ARP_BYTES);
  const view = new DataView(frame.buffer);
  writeEthernetHeader(frame, BROADCAST_MAC, mac, ETHERTYPE_ARP);
  view.setUint16(14, 1); // hardware type: Ethernet
  view.setUint16(16, ETHERTYPE_IPV4);
  view.setUint8(18, MAC_BYTES);
  view.setUint8(19, source.length);
  view.setUint16(20, 1); // operation: request
  frame.set(mac, 22);
  frame.set(source, 28);
  frame.set(targetMac, 32);
  frame.set(target, 38);
  return frame;
}

/**
 * A neighbour solicitation, 86 bytes (RFC 4861 section 4.3): who has `target`, tell `source` at `mac`. To the target's
 * solicited-node multicast address (RFC 4291 section 2.7.1), with the source link-layer address option.
 */
export function neighbourSolicitationFrame(request: {
  mac: Uint8Array;
  source: Uint8Array;
  target: Uint8Array;
}): Uint8Array {
  const { mac, source, target } = request;
  requireBytes('MAC address', mac, MAC_BYTES);
  requireBytes('IPv6 address', source, 16);
  requireBytes('IPv6 address', target, 16);
  const group = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, ...target.subarray(13));
  return neighbourDiscoveryFrame({ mac, source, destination: group, type: 135, flags: 0, target, option: 1 });
}

/**
 * An unsolicited neighbour advertisement to all nodes, 86 bytes (RFC 4861 section 4.4): from `address` about `address`,
 * S = 0, O = 1 so that stale cache entries are overwritten, with the target link-layer address option.
 * `router` is the R flag: true where the address is a router's, as RFC 9568 section 6.4.2 asks; a host that sets it
 * wrongly becomes somebody's default router, one that clears it wrongly is dropped from their list.
 */
export function unsolicitedNeighbourAdvertisementFrame(announcement: {
  mac: Uint8Array;
  address: Uint8Array;
  router: boolean;
}): Uint8Array {
  const { mac, address, router } = announcement;
  requireBytes('MAC address', mac, MAC_BYTES);
  requireBytes('IPv6 address', address, 16);
  const flags = (router ? 0x80 : 0) | 0x20; // R, S, O
  const named = { mac, source: address, destination: ALL_NODES, target: address };
  return neighbourDiscoveryFrame({ ...named, type: 136, flags, option: 2 });
}

/** RFC 4861 sections 4.3 and 4.4: one target, and one option that names `mac`. */
function neighbourDiscoveryFrame(message: {
  mac: Uint8Array;
  source: Uint8Array;
  destination: Uint8Array;
  type: 135 | 136;
  flags: number;
  target: Uint8Array;
  /** 1: source link-layer address; 2: target link-layer address */
  option: 1 | 2;
}): Uint8Array {
  const { mac, source, destination, type, flags, target, option } = message;
  const frame = new Uint8Array(ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES + NEIGHBOUR_DISCOVERY_BYTES);
  const view = new DataView(frame.buffer);
  writeEthernetHeader(frame, multicastMac('ipv6', destination), mac, ETHERTYPE_IPV6);

  view.setUint32(14, 0x60000000); // version 6, no traffic class, no flow label
  view.setUint16(18, NEIGHBOUR_DISCOVERY_BYTES);
  view.setUint8(20, ICMPV6);
  view.setUint8(21, ND_HOP_LIMIT);
  frame.set(source, 22);
  frame.set(destination, 38);

  view.setUint8(54, type);
  view.setUint8(58, flags);
  frame.set(target, 62);
  view.setUint8(78, option);
  view.setUint8(79, 1); // of one unit of 8 bytes
  frame.set(mac, 80);

  view.setUint16(56, icmpv6Checksum(source, destination, frame.subarray(ETHERNET_HEADER_BYTES + IPV6_HEADER_BYTES)));
  return frame;
}

/**
 * A VRRP advertisement to a multicast group, from the virtual router's MAC address (RFC 9568 section 7.3): from it switches
 * learn behind which port the router lives.
 */
export function advertisementFrame(advertisement: {
  mac: Uint8Array;
  source: Uint8Array;
  destination: Uint8Array;
  message: Uint8Array;
}): Uint8Array {
  const { mac, source, destination, message } = advertisement;
  requireBytes('MAC address', mac, MAC_BYTES);
  const family = familyOf(destination);
  if (family === undefined) throw new RangeError(`an address has 4 or 16 bytes, not ${destination.length}`);
  const packet =
    family === 'ipv4' ? ipv4VrrpPacket(source, destination, message) : ipv6VrrpPacket(source, destination, message);
  if (family === 'ipv4') {
    // RFC 791 section 3.1: over the header, whose checksum field is still zero.
    new DataView(packet.buffer).setUint16(10, internetChecksum(0, packet.subarray(0, IPV4_HEADER_BYTES)));
  }
  const frame = new Uint8Array(ETHERNET_HEADER_BYTES + packet.length);
  writeEthernetHeader(
    frame,
    multicastMac(family, destination),
    mac,
    family === 'ipv4' ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6,
  );
  frame.set(packet, ETHERNET_HEADER_BYTES);
  return frame;
}

/** RFC 1112 section 6.4: the low 23 bits; RFC 2464 section 7: the low 32 bits of the group. */
function multicastMac(family: AddressFamily, group: Uint8Array): Uint8Array {
  const [second = 0, third = 0, fourth = 0] = group.slice(-3);
  return family === 'ipv4'
    ? Uint8Array.of(0x01, 0x00, 0x5e, second & 0x7f, third, fourth)
    : Uint8Array.of(0x33, 0x33, ...group.slice(-4));
}

function writeEthernetHeader(frame: Uint8Array, destination: Uint8Array, source: Uint8Array, etherType: number): void {
  frame.set(destination, 0);
  frame.set(source, MAC_BYTES);
  frame[12] = etherType >> 8;
  frame[13] = etherType & 0xff;
}

/** RFC 4443 section 2.3: over the pseudo-header and the message, whose checksum field is still zero. */
function icmpv6Checksum(source: Uint8Array, destination: Uint8Array, message: Uint8Array): number {
  return internetChecksum(message.length + ICMPV6, source, destination, message);
}

/** RFC 1071, over parts of even length, beginning with a sum. */
function internetChecksum(initial: number, ...parts: readonly Uint8Array[]): number {
  let sum = initial;
  for (const part of parts) {
    for (let offset = 0; offset < part.length; offset += 2) {
      sum += ((part[offset] ?? 0) << 8) | (part[offset + 1] ?? 0);
    }
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function requireBytes(what: string, bytes: Uint8Array, length: number): void {
  if (bytes.length !== length) throw new RangeError(`${what} has ${length} bytes, not ${bytes.length}`);
}
