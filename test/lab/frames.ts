import type { Observation, Station } from './observation.ts';

const ETHERNET_HEADER = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const PROTOCOL_ICMP = 1;
const PROTOCOL_VRRP = 112;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const ECHO_REPLY = 0;
const ECHO_REQUEST = 8;
const ICMP_HEADER = 8;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** ICMP identifiers: whom an echo was meant for. The tick is the first 32 bits of the payload. */
export const ECHO_ID = { a: 0x7b0a, b: 0x7b0b, client: 0x7b0c } as const;

/** The two ends of a probe. */
export type ProbeAddresses = {
  readonly probeMac: string;
  readonly probeAddress: string;
  readonly virtualAddress: string;
};

/** Who owns which MAC in the lab. */
export type Census = ProbeAddresses & { readonly stations: ReadonlyMap<string, Station> };

/** A broadcast ARP request for the virtual address, from the probe's own station. */
export function arpRequest(addresses: ProbeAddresses): Buffer {
  const body = Buffer.alloc(28);
  body.writeUInt16BE(1, 0);
  body.writeUInt16BE(ETHERTYPE_IPV4, 2);
  body.writeUInt8(6, 4);
  body.writeUInt8(4, 5);
  body.writeUInt16BE(ARP_REQUEST, 6);
  body.set(macBytes(addresses.probeMac), 8);
  body.set(addressBytes(addresses.probeAddress), 14);
  body.set(addressBytes(addresses.virtualAddress), 24);
  return Buffer.concat([ethernet(BROADCAST, addresses.probeMac, ETHERTYPE_ARP), body]);
}

/** An echo request for the virtual address, addressed to one host's MAC whatever any neighbour cache says. */
export function directEcho(addresses: ProbeAddresses, hostMac: string, identifier: number, tick: number): Buffer {
  const icmp = echoRequest(identifier, tick);
  const ip = Buffer.alloc(20);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(ip.length + icmp.length, 2);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(PROTOCOL_ICMP, 9);
  ip.set(addressBytes(addresses.probeAddress), 12);
  ip.set(addressBytes(addresses.virtualAddress), 16);
  ip.writeUInt16BE(internetChecksum(ip), 10);
  return Buffer.concat([ethernet(hostMac, addresses.probeMac, ETHERTYPE_IPV4), ip, icmp]);
}

/** The ICMP part alone, for a socket that leaves routing and neighbours to the kernel. */
export function echoRequest(identifier: number, tick: number): Buffer {
  const icmp = Buffer.alloc(ICMP_HEADER + 8);
  icmp.writeUInt8(ECHO_REQUEST, 0);
  icmp.writeUInt16BE(identifier, 4);
  icmp.writeUInt16BE(tick & 0xffff, 6);
  icmp.writeUInt32BE(tick >>> 0, ICMP_HEADER);
  icmp.writeUInt16BE(internetChecksum(icmp), 2);
  return icmp;
}

/** What a captured Ethernet frame means for the record; undefined for what says nothing about the virtual address. */
export function observe(frame: Buffer, atUs: number, census: Census): Observation | undefined {
  if (frame.length < ETHERNET_HEADER + 20) return undefined;
  const by = stationOf(frame, census);
  switch (frame.readUInt16BE(12)) {
    case ETHERTYPE_ARP:
      return observeArp(frame, atUs, by, census);
    case ETHERTYPE_IPV4:
      return observeIpv4(frame, atUs, by, census);
    default:
      return undefined;
  }
}

function observeArp(frame: Buffer, atUs: number, by: Station, census: Census): Observation | undefined {
  if (frame.length < ETHERNET_HEADER + 28) return undefined;
  if (addressAt(frame, ETHERNET_HEADER + 14) !== census.virtualAddress) return undefined;
  if (addressAt(frame, ETHERNET_HEADER + 24) === census.virtualAddress) return { kind: 'announcement', atUs, by };
  const reply = frame.readUInt16BE(ETHERNET_HEADER + 6) === ARP_REPLY;
  return reply ? { kind: 'answer', atUs, by, via: 'arp' } : undefined;
}

function observeIpv4(frame: Buffer, atUs: number, by: Station, census: Census): Observation | undefined {
  const payload = ETHERNET_HEADER + (frame.readUInt8(ETHERNET_HEADER) & 0x0f) * 4;
  const protocol = frame.readUInt8(ETHERNET_HEADER + 9);
  if (protocol === PROTOCOL_VRRP && frame.length >= payload + 8) {
    return { kind: 'advertisement', atUs, by, priority: frame.readUInt8(payload + 2) };
  }
  if (protocol !== PROTOCOL_ICMP || frame.length < payload + ICMP_HEADER + 4) return undefined;
  const identifier = frame.readUInt16BE(payload + 4);
  const tick = frame.readUInt32BE(payload + ICMP_HEADER);
  switch (frame.readUInt8(payload)) {
    // One frame stands for its tick; the ordinary client's echo follows it.
    case ECHO_REQUEST:
      return identifier === ECHO_ID.a && macAt(frame, 6) === census.probeMac
        ? { kind: 'request', atUs, tick }
        : undefined;
    case ECHO_REPLY:
      if (addressAt(frame, ETHERNET_HEADER + 12) !== census.virtualAddress) return undefined;
      if (identifier === ECHO_ID.client) return { kind: 'client_answer', atUs, by, tick };
      if (identifier === ECHO_ID.a || identifier === ECHO_ID.b) return { kind: 'answer', atUs, by, via: 'echo', tick };
      return undefined;
    default:
      return undefined;
  }
}

function stationOf(frame: Buffer, census: Census): Station {
  const mac = macAt(frame, 6);
  return census.stations.get(mac) ?? mac;
}

function ethernet(to: string, from: string, etherType: number): Buffer {
  const header = Buffer.alloc(ETHERNET_HEADER);
  header.set(macBytes(to), 0);
  header.set(macBytes(from), 6);
  header.writeUInt16BE(etherType, 12);
  return header;
}

/** RFC 1071, over bytes whose checksum field is zero. */
function internetChecksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

function macBytes(mac: string): number[] {
  return mac.split(':').map((part) => Number.parseInt(part, 16));
}

function macAt(frame: Buffer, at: number): string {
  return frame.toString('hex', at, at + 6).replace(/..(?!$)/g, '$&:');
}

function addressBytes(address: string): number[] {
  return address.split('.').map(Number);
}

function addressAt(frame: Buffer, at: number): string {
  return `${frame.readUInt8(at)}.${frame.readUInt8(at + 1)}.${frame.readUInt8(at + 2)}.${frame.readUInt8(at + 3)}`;
}
