import type { AddressFamily } from '@tiebreak/shared/vrrp';
import { encodeProgram, JUMP_IF_EQUAL, LOAD_BYTE, LOAD_HALF, RETURN, WHOLE_PACKET } from './classic-bpf.ts';
import type { SystemResult } from './errno.ts';
import { type EventLoopSocket, readInEventLoop } from './event-loop-socket.ts';
import { parseIpv4Packet } from './ip-packet.ts';
import { attachFilter, bind, close, setSocketOption, socket } from './libc.ts';
import { AF_PACKET, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, sockaddrLinkLayer } from './sockaddr.ts';

const ETHERTYPE_ALL = 3;
const ETHERTYPE_AT = 12;
const ETHERTYPE = { ipv4: 0x0800, ipv6: 0x86dd } as const;
const ETHERNET_BYTES = 14;
const SOURCE_MAC_AT = 6;
const PROTOCOL_AT = { ipv4: 23, ipv6: 20 } as const;
const VRRP = 112;
const IPV6_HEADER_BYTES = 40;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_MR_MULTICAST = 0;
const GROUP_MAC = {
  ipv4: Uint8Array.of(0x01, 0x00, 0x5e, 0x00, 0x00, 0x12),
  ipv6: Uint8Array.of(0x33, 0x33, 0x00, 0x00, 0x00, 0x12),
} as const;

/** A VRRP message as it was on the wire. */
export type OverheardMessage = {
  readonly sourceMac: Uint8Array;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  readonly hopLimit: number;
  readonly message: Uint8Array;
};

/**
 * Overhears VRRP on one interface, what this host sends and what its firewall and fence will drop included. It takes
 * nothing from anybody, and joins no IP group: the network card alone is told to let the group's frames pass while the socket
 * is open. Needs CAP_NET_RAW (`EPERM`).
 */
export function openAdvertisementListener(options: {
  interfaceIndex: number;
  family: AddressFamily;
  onMessage: (message: OverheardMessage) => void;
}): SystemResult<EventLoopSocket> {
  const { interfaceIndex, family, onMessage } = options;
  const opened = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (!opened.ok) return opened;
  const fd = opened.value;
  const ready = prepare(fd, interfaceIndex, family);
  if (!ready.ok) {
    close(fd);
    return ready;
  }
  return readInEventLoop(
    fd,
    (frame) => {
      const message = readFrame(frame, family);
      if (message !== undefined) onMessage(message);
    },
    () => {},
  );
}

function prepare(fd: number, interfaceIndex: number, family: AddressFamily): SystemResult<undefined> {
  const filtered = attachFilter(fd, vrrpFilter(family));
  if (!filtered.ok) return filtered;
  const bound = bind(fd, sockaddrLinkLayer(ETHERTYPE_ALL, interfaceIndex, new Uint8Array(0)));
  if (!bound.ok) return bound;
  // struct packet_mreq: index, type, length of the address, address.
  const membership = new Uint8Array(16);
  const view = new DataView(membership.buffer);
  view.setInt32(0, interfaceIndex, true);
  view.setUint16(4, PACKET_MR_MULTICAST, true);
  view.setUint16(6, GROUP_MAC[family].length, true);
  membership.set(GROUP_MAC[family], 8);
  return setSocketOption(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership);
}

/** Frames that carry VRRP of that family. */
export function vrrpFilter(family: AddressFamily): Uint8Array {
  return encodeProgram([
    [LOAD_HALF, 0, 0, ETHERTYPE_AT],
    [JUMP_IF_EQUAL, 0, 3, ETHERTYPE[family]],
    [LOAD_BYTE, 0, 0, PROTOCOL_AT[family]],
    [JUMP_IF_EQUAL, 0, 1, VRRP],
    [RETURN, 0, 0, WHOLE_PACKET],
    [RETURN, 0, 0, 0],
  ]);
}

/** What a frame that has passed the filter carries; undefined for one that is cut short or malformed. */
export function readFrame(frame: Uint8Array, family: AddressFamily): OverheardMessage | undefined {
  const sourceMac = frame.slice(SOURCE_MAC_AT, SOURCE_MAC_AT + 6);
  const packet = frame.subarray(ETHERNET_BYTES);
  if (family === 'ipv4') {
    const parsed = parseIpv4Packet(packet);
    if (!parsed.ok) return undefined;
    const { source, destination, hopLimit, message } = parsed;
    return { sourceMac, source: source.slice(), destination: destination.slice(), hopLimit, message: message.slice() };
  }
  if (packet.length < IPV6_HEADER_BYTES) return undefined;
  const payloadBytes = new DataView(packet.buffer, packet.byteOffset).getUint16(4);
  if (IPV6_HEADER_BYTES + payloadBytes > packet.length) return undefined;
  return {
    sourceMac,
    source: packet.slice(8, 24),
    destination: packet.slice(24, 40),
    hopLimit: packet[7] ?? 0,
    message: packet.slice(IPV6_HEADER_BYTES, IPV6_HEADER_BYTES + payloadBytes),
  };
}
