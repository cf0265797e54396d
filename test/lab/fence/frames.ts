import { parseAddress } from '../../../shared/vrrp/index.ts';

/** Payloads of link-layer frames, as hexadecimal digits. */

export const ETHER_ARP = 0x0806;
export const ETHER_IPV4 = 0x0800;
export const ETHER_IPV6 = 0x86dd;

/** An ARP packet that announces: sender and target address are the same. */
export function announcement(operation: 'request' | 'reply', mac: string, address: string): string {
  const hardware = mac.replaceAll(':', '');
  const protocol = hexAddress(address);
  const [code, target] = operation === 'request' ? ['01', 'ffffffffffff'] : ['02', hardware];
  return `00010800060400${code}${hardware}${protocol}${target}${protocol}`;
}

/** A VRRPv3 advertisement with one address; the checksum is not looked at by anything in these tests. */
export function advertisement(virtualRouterId: number, priority: number, address: string): string {
  return `31${hexByte(virtualRouterId)}${hexByte(priority)}01000a0000${hexAddress(address)}`;
}

/** An IPv4 header (protocol 112) in front of an advertisement, to 224.0.0.1, the group that every host is in. */
export function ipv4(source: string, timeToLive: number, payload: string): string {
  const length = (20 + payload.length / 2).toString(16).padStart(4, '0');
  const header = `4500${length}00000000${hexByte(timeToLive)}700000${hexAddress(source)}${hexAddress('224.0.0.1')}`;
  return header.slice(0, 20) + checksum(header) + header.slice(24) + payload;
}

/** An IPv6 header in front of an advertisement, if nothing else is said to ff02::1, the group that every host is in. */
export function ipv6(source: string, hopLimit: number, payload: string, destination = 'ff02::1'): string {
  const length = (payload.length / 2).toString(16).padStart(4, '0');
  return `60000000${length}70${hexByte(hopLimit)}${hexAddress(source)}${hexAddress(destination)}${payload}`;
}

function checksum(header: string): string {
  let sum = 0;
  for (let offset = 0; offset < header.length; offset += 4)
    sum += Number.parseInt(header.slice(offset, offset + 4), 16);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return (~sum & 0xffff).toString(16).padStart(4, '0');
}

function hexAddress(address: string): string {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new Error(`${address} is not an address`);
  return Buffer.from(bytes).toString('hex');
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}
