import type { AddressFamily } from '@tiebreak/shared/vrrp';
import {
  encodeProgram,
  type Instruction,
  JUMP_IF_AT_LEAST,
  JUMP_IF_EQUAL,
  KEEP_IPV4_HEADER_LENGTH,
  LOAD_BYTE,
  LOAD_BYTE_FROM_KEPT,
  LOAD_LENGTH,
  RETURN,
  SUBTRACT_KEPT,
  WHOLE_PACKET,
} from './classic-bpf.ts';

const VIRTUAL_ROUTER_ID_AT = 1;

/**
 * The classic BPF program of a raw VRRP socket: lets through the messages of these virtual routers, and those too short to say
 * whose they are, so that somebody counts them. A raw socket of IPv4 gives the program the IP header too, one of IPv6 does not.
 */
export function virtualRouterFilter(family: AddressFamily, virtualRouterIds: Iterable<number>): Uint8Array {
  return encodeProgram([
    ...(family === 'ipv4' ? IPV4_ROUTER_ID : IPV6_ROUTER_ID),
    ...[...virtualRouterIds].flatMap((id): Instruction[] => [
      [JUMP_IF_EQUAL, 0, 1, id],
      [RETURN, 0, 0, WHOLE_PACKET],
    ]),
    [RETURN, 0, 0, 0],
  ]);
}

const IPV4_ROUTER_ID: readonly Instruction[] = [
  [KEEP_IPV4_HEADER_LENGTH, 0, 0, 0],
  [LOAD_LENGTH, 0, 0, 0],
  [SUBTRACT_KEPT, 0, 0, 0],
  [JUMP_IF_AT_LEAST, 1, 0, VIRTUAL_ROUTER_ID_AT + 1],
  [RETURN, 0, 0, WHOLE_PACKET],
  [LOAD_BYTE_FROM_KEPT, 0, 0, VIRTUAL_ROUTER_ID_AT],
];

const IPV6_ROUTER_ID: readonly Instruction[] = [
  [LOAD_LENGTH, 0, 0, 0],
  [JUMP_IF_AT_LEAST, 1, 0, VIRTUAL_ROUTER_ID_AT + 1],
  [RETURN, 0, 0, WHOLE_PACKET],
  [LOAD_BYTE, 0, 0, VIRTUAL_ROUTER_ID_AT],
];
