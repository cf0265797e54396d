import type { AddressFamily } from '@tiebreak/shared/vrrp';
import {
  IPPROTO_IP,
  IPPROTO_IPV6,
  SO_BINDTODEVICE,
  SO_PRIORITY,
  SO_RCVBUFFORCE,
  SO_SNDBUFFORCE,
  SOL_SOCKET,
} from './sockaddr.ts';

const IP_HDRINCL = 3;
const IP_MULTICAST_IF = 32;
const IP_MULTICAST_TTL = 33;
const IP_MULTICAST_LOOP = 34;
const IP_ADD_MEMBERSHIP = 35;
const IP_MULTICAST_ALL = 49;
const IPV6_MULTICAST_IF = 17;
const IPV6_MULTICAST_HOPS = 18;
const IPV6_MULTICAST_LOOP = 19;
const IPV6_ADD_MEMBERSHIP = 20;
const IPV6_MULTICAST_ALL = 29;
const IPV6_HDRINCL = 36;
const TC_PRIO_CONTROL = 7;
const HOP_LIMIT = 255;
/** Room for what 255 virtual routers at 100 ms say in a second: one socket carries it all. The usual buffer ends at some 270 packets. */
const BUFFER_BYTES = 2 << 20;

/** 224.0.0.18 (RFC 9568 section 5.1.1.2). */
export const VRRP_GROUP_IPV4 = Uint8Array.of(224, 0, 0, 18);
/** ff02::12 (RFC 9568 section 5.1.2.2). */
export const VRRP_GROUP_IPV6 = Uint8Array.of(0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12);

export interface SocketOption {
  name: string;
  level: number;
  option: number;
  value: number | Uint8Array;
  /** The socket is right without it, on kernels or with privileges that do not have it. */
  optional: boolean;
}

export interface VrrpSocketParameters {
  interface: string;
  interfaceIndex: number;
  family: AddressFamily;
  source: Uint8Array;
  multicast: boolean;
}

/**
 * The options of a VRRP socket, in the order in which they are set. The IP header is ours (HDRINCL): the one way to
 * choose the source address that needs no bind(2), which raw-socket does not offer, and that holds for multicast and
 * unicast alike. A multicast packet is never looped back to this host.
 */
export function vrrpSocketOptions(parameters: VrrpSocketParameters): SocketOption[] {
  const device = new TextEncoder().encode(`${parameters.interface}\0`);
  const common = [
    required('SO_BINDTODEVICE', SOL_SOCKET, SO_BINDTODEVICE, device),
    optional('SO_PRIORITY', SOL_SOCKET, SO_PRIORITY, TC_PRIO_CONTROL),
    optional('SO_RCVBUFFORCE', SOL_SOCKET, SO_RCVBUFFORCE, BUFFER_BYTES),
    optional('SO_SNDBUFFORCE', SOL_SOCKET, SO_SNDBUFFORCE, BUFFER_BYTES),
  ];
  switch (parameters.family) {
    case 'ipv4':
      return [...common, ...ipv4Options(parameters)];
    case 'ipv6':
      return [...common, ...ipv6Options(parameters)];
  }
}

function ipv4Options({ interfaceIndex, source, multicast }: VrrpSocketParameters): SocketOption[] {
  const options = [
    required('IP_HDRINCL', IPPROTO_IP, IP_HDRINCL, 1),
    // Of multicast only what this very socket has joined: in unicast mode nothing.
    optional('IP_MULTICAST_ALL', IPPROTO_IP, IP_MULTICAST_ALL, 0),
  ];
  if (!multicast) return options;
  // struct ip_mreqn: group, local address, interface index.
  const membership = new Uint8Array(12);
  membership.set(VRRP_GROUP_IPV4, 0);
  membership.set(source, 4);
  new DataView(membership.buffer).setInt32(8, interfaceIndex, true);
  return [
    ...options,
    required('IP_MULTICAST_IF', IPPROTO_IP, IP_MULTICAST_IF, membership),
    required('IP_MULTICAST_TTL', IPPROTO_IP, IP_MULTICAST_TTL, HOP_LIMIT),
    required('IP_MULTICAST_LOOP', IPPROTO_IP, IP_MULTICAST_LOOP, 0),
    required('IP_ADD_MEMBERSHIP', IPPROTO_IP, IP_ADD_MEMBERSHIP, membership),
  ];
}

function ipv6Options({ interfaceIndex, multicast }: VrrpSocketParameters): SocketOption[] {
  // IPV6_CHECKSUM stays off: with it the kernel drops a bad message in silence, and every refusal is to be counted.
  const options = [
    required('IPV6_HDRINCL', IPPROTO_IPV6, IPV6_HDRINCL, 1),
    optional('IPV6_MULTICAST_ALL', IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0),
  ];
  if (!multicast) return options;
  // struct ipv6_mreq: group, interface index.
  const membership = new Uint8Array(20);
  membership.set(VRRP_GROUP_IPV6, 0);
  new DataView(membership.buffer).setInt32(16, interfaceIndex, true);
  return [
    ...options,
    required('IPV6_MULTICAST_IF', IPPROTO_IPV6, IPV6_MULTICAST_IF, interfaceIndex),
    required('IPV6_MULTICAST_HOPS', IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOP_LIMIT),
    required('IPV6_MULTICAST_LOOP', IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0),
    required('IPV6_JOIN_GROUP', IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, membership),
  ];
}

function required(name: string, level: number, option: number, value: number | Uint8Array): SocketOption {
  return { name, level, option, value, optional: false };
}

function optional(name: string, level: number, option: number, value: number | Uint8Array): SocketOption {
  return { name, level, option, value, optional: true };
}
