import {
  encodeProgram,
  type Instruction,
  JUMP_IF_EQUAL,
  LOAD_BYTE,
  LOAD_HALF,
  LOAD_WORD,
  RETURN,
  WHOLE_PACKET,
} from './classic-bpf.ts';
import { MAC_BYTES } from './frames.ts';

/**
 * Classic BPF programs (bpf(4), `struct sock_filter`) that let through what claims one of our addresses, and the same once
 * more as code, for what comes through. Pure: bytes in, bytes out.
 */

// Offsets in an Ethernet frame.
const ETHERNET_SOURCE = 6;
const ARP_SENDER_MAC = 22;
const ARP_SENDER_ADDRESS = 28;
const ARP_BYTES = 42;
const IPV6_NEXT_HEADER = 20;
const ICMPV6_TYPE = 54;
const ADVERTISEMENT_TARGET = 62;
const ADVERTISEMENT_OPTIONS = 78;
const TARGET_LINK_LAYER_OPTION = 2;
const ICMPV6 = 58;
const NEIGHBOUR_ADVERTISEMENT = 136;

/** The kernel takes 4,096 instructions (BPF_MAXINSNS). With more addresses than fit it lets every claim through. */
const COMPARISONS_MAX = 4_000;

/** Somebody says that `address` lives at `mac`. */
export interface AddressClaim {
  readonly address: Uint8Array;
  readonly mac: Uint8Array;
}

/** ARP of either operation whose sender is one of `addresses` (IPv4) at another MAC address than `ownMac`. */
export function arpClaimFilter(addresses: readonly Uint8Array[], ownMac: Uint8Array): Uint8Array {
  return encodeProgram([...refuseMac(ARP_SENDER_MAC, ownMac), ...acceptAt(ARP_SENDER_ADDRESS, addresses)]);
}

/** Neighbour advertisements whose target is one of `addresses` (IPv6), and that do not come from `ownMac`. */
export function advertisementClaimFilter(addresses: readonly Uint8Array[], ownMac: Uint8Array): Uint8Array {
  return encodeProgram([
    [LOAD_BYTE, 0, 0, IPV6_NEXT_HEADER],
    [JUMP_IF_EQUAL, 1, 0, ICMPV6],
    [RETURN, 0, 0, 0],
    [LOAD_BYTE, 0, 0, ICMPV6_TYPE],
    [JUMP_IF_EQUAL, 1, 0, NEIGHBOUR_ADVERTISEMENT],
    [RETURN, 0, 0, 0],
    ...refuseMac(ETHERNET_SOURCE, ownMac),
    ...acceptAt(ADVERTISEMENT_TARGET, addresses),
  ]);
}

function refuseMac(offset: number, mac: Uint8Array): Instruction[] {
  const view = new DataView(mac.buffer, mac.byteOffset, MAC_BYTES);
  return [
    [LOAD_WORD, 0, 0, offset],
    [JUMP_IF_EQUAL, 0, 3, view.getUint32(0)],
    [LOAD_HALF, 0, 0, offset + 4],
    [JUMP_IF_EQUAL, 0, 1, view.getUint16(4)],
    [RETURN, 0, 0, 0],
  ];
}

function acceptAt(offset: number, addresses: readonly Uint8Array[]): Instruction[] {
  const compared = addresses.flatMap((address) => acceptIfAt(offset, address));
  if (compared.length > COMPARISONS_MAX) return [[RETURN, 0, 0, WHOLE_PACKET]];
  return [...compared, [RETURN, 0, 0, 0]];
}

function acceptIfAt(offset: number, address: Uint8Array): Instruction[] {
  const view = new DataView(address.buffer, address.byteOffset, address.length);
  const words = address.length / 4;
  const compared = Array.from({ length: words }, (_, word): Instruction[] => [
    [LOAD_WORD, 0, 0, offset + 4 * word],
    // Past the comparisons that are left, and past the acceptance.
    [JUMP_IF_EQUAL, 0, 2 * (words - word - 1) + 1, view.getUint32(4 * word)],
  ]);
  return [...compared.flat(), [RETURN, 0, 0, WHOLE_PACKET]];
}

/** What an ARP frame that has passed the filter claims; undefined for one that is cut short. */
export function claimOfArp(frame: Uint8Array): AddressClaim | undefined {
  if (frame.length < ARP_BYTES) return undefined;
  return {
    address: frame.slice(ARP_SENDER_ADDRESS, ARP_SENDER_ADDRESS + 4),
    mac: frame.slice(ARP_SENDER_MAC, ARP_SENDER_MAC + MAC_BYTES),
  };
}

/** As `claimOfArp`. Without the option that names a MAC address the sender's own is meant (RFC 4861 section 4.4). */
export function claimOfAdvertisement(frame: Uint8Array): AddressClaim | undefined {
  if (frame.length < ADVERTISEMENT_OPTIONS) return undefined;
  const macAt = ADVERTISEMENT_OPTIONS + 2;
  const named = frame[ADVERTISEMENT_OPTIONS] === TARGET_LINK_LAYER_OPTION && frame.length >= macAt + MAC_BYTES;
  const from = named ? macAt : ETHERNET_SOURCE;
  return {
    address: frame.slice(ADVERTISEMENT_TARGET, ADVERTISEMENT_OPTIONS),
    mac: frame.slice(from, from + MAC_BYTES),
  };
}

const ARP_OPERATION = 20;
const ARP_REPLY = 2;
const ADVERTISEMENT_FLAGS = 58;
const SOLICITED = 0x40;

/** Whether a frame that makes a claim answers a question: then frames pass in both directions. */
export function isAnswer(frame: Uint8Array, family: 'ipv4' | 'ipv6'): boolean {
  return family === 'ipv4'
    ? frame[ARP_OPERATION] === 0 && frame[ARP_OPERATION + 1] === ARP_REPLY
    : ((frame[ADVERTISEMENT_FLAGS] ?? 0) & SOLICITED) !== 0;
}
