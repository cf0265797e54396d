import { BlockList, isIP, SocketAddress } from 'node:net';
import { parseAddress as addressBytes } from '@tiebreak/shared/vrrp';
import type { AddressFamily } from './types.ts';

export type Prefix = { readonly family: AddressFamily; readonly address: string; readonly prefixLength: number };

/** The address in its shortest form, or undefined: no address, with a zone, or an IPv4 address in IPv6 clothes. */
export function parseAddress(text: string): { family: AddressFamily; address: string } | undefined {
  if (text.includes('%')) return undefined;
  switch (isIP(text)) {
    case 4:
      return { family: 'ipv4', address: text };
    case 6:
      return MAPPED.check(text, 'ipv6')
        ? undefined
        : { family: 'ipv6', address: new SocketAddress({ address: text, family: 'ipv6' }).address };
    default:
      return undefined;
  }
}

/** `192.0.2.100/24`; undefined for anything else, a missing or zero prefix length included. */
export function parsePrefix(text: string): Prefix | undefined {
  const match = /^([^/]+)\/([1-9]\d{0,2})$/.exec(text);
  const parsed = parseAddress(match?.[1] ?? '');
  const prefixLength = Number(match?.[2]);
  if (parsed === undefined || !(prefixLength <= (parsed.family === 'ipv4' ? 32 : 128))) return undefined;
  return { ...parsed, prefixLength };
}

/** The network of a route: as a prefix, and no bit behind its length is set; `0.0.0.0/0` or `::/0` too. */
export function parseNetwork(text: string): Prefix | undefined {
  const everything = /^(0\.0\.0\.0|::)\/0$/.exec(text)?.[1];
  if (everything !== undefined) {
    return { family: everything === '::' ? 'ipv6' : 'ipv4', address: everything, prefixLength: 0 };
  }
  const prefix = parsePrefix(text);
  if (prefix === undefined) return undefined;
  const bits = [...(addressBytes(prefix.address) ?? [])].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return bits.includes('1', prefix.prefixLength) ? undefined : prefix;
}

/** Whether one host of a link can have the address: not loopback, multicast, broadcast or unspecified. */
export function isHostAddress(address: string, family: AddressFamily): boolean {
  return !NO_HOST.check(address, family);
}

export function isLinkLocal(address: string, family: AddressFamily): boolean {
  return LINK_LOCAL.check(address, family);
}

/** `host:port` with an IP address, an IPv6 one in brackets. */
export function parseListenAddress(text: string): { host: string; port: number } | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || !(port >= 1 && port <= 65_535)) return undefined;
  const inBrackets = match[1] !== undefined;
  const parsed = parseAddress(match[1] ?? match[2] ?? '');
  if (parsed === undefined || inBrackets !== (parsed.family === 'ipv6')) return undefined;
  return { host: parsed.address, port };
}

/** Written by IPv4-mapped notation, an address would slip past every comparison with its plain form. */
const MAPPED = new BlockList();
MAPPED.addSubnet('::ffff:0:0', 96, 'ipv6');

const NO_HOST = new BlockList();
NO_HOST.addSubnet('0.0.0.0', 8, 'ipv4');
NO_HOST.addSubnet('127.0.0.0', 8, 'ipv4');
NO_HOST.addSubnet('224.0.0.0', 4, 'ipv4');
NO_HOST.addAddress('255.255.255.255', 'ipv4');
NO_HOST.addAddress('::', 'ipv6');
NO_HOST.addAddress('::1', 'ipv6');
NO_HOST.addSubnet('ff00::', 8, 'ipv6');

const LINK_LOCAL = new BlockList();
LINK_LOCAL.addSubnet('169.254.0.0', 16, 'ipv4');
LINK_LOCAL.addSubnet('fe80::', 10, 'ipv6');

export type TcpTarget = { readonly host: string; readonly port: number };

/** As `parseListenAddress`, or with the name of a host. */
export function parseTcpTarget(text: string): TcpTarget | undefined {
  const address = parseListenAddress(text);
  if (address !== undefined) return address;
  const [, host, digits] = /^([A-Za-z0-9][A-Za-z0-9.-]{0,252}):(\d{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  return host !== undefined && port >= 1 && port <= 65_535 ? { host, port } : undefined;
}
