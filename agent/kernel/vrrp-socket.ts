import { constants } from 'node:os';
import { type AddressFamily, compareAddresses, formatAddress } from '@tiebreak/shared/vrrp';
import { addressBytes } from './address-family.ts';
import { type SystemError, type SystemResult, systemError } from './errno.ts';
import { ipv4VrrpPacket, ipv6VrrpPacket, type MalformedIpv4 } from './ip-packet.ts';
import { SharedVrrpSocket, type VrrpListener } from './shared-vrrp-socket.ts';
import { sockaddrIn, sockaddrIn6 } from './sockaddr.ts';
import { VRRP_GROUP_IPV4, VRRP_GROUP_IPV6 } from './vrrp-socket-options.ts';

/** The very same object when the very same packet comes once more. The receiver's to keep, and not to write to. */
export interface ReceivedMessage {
  /** The VRRP message without the IP header. */
  readonly message: Uint8Array;
  readonly source: Uint8Array;
  /** IPv6: the one that this socket serves, for raw-socket does not tell; a message to another fails its checksum. */
  readonly destination: Uint8Array;
  /** IPv4's TTL; undefined for IPv6, where raw-socket cannot see it (the fence drops what is not 255). */
  readonly hopLimit: number | undefined;
}

export type VrrpSocketMode =
  | { readonly kind: 'multicast' }
  | { readonly kind: 'unicast'; readonly peers: readonly Uint8Array[] };

export interface VrrpSocketOptions {
  interface: string;
  interfaceIndex: number;
  family: AddressFamily;
  virtualRouterId: number;
  /** Of its advertisements: how soon one must be heard. */
  intervalUs: number;
  /** The source address of all that is sent; IPv6 multicast wants the link-local one (RFC 9568 section 5.1.2.1). */
  source: Uint8Array;
  mode: VrrpSocketMode;
  /** Every message for this virtual router that arrives on the interface, our own left out, and what is too short to say whose. */
  onMessage: (received: ReceivedMessage) => void;
  /** A send or a receive failed; the socket lives on, unless `call` is `poll`: then it is closed. */
  onError: (error: SystemError) => void;
}

export interface VrrpSocketCounters {
  received: number;
  /** Came from our own source address: looped back, or another host uses the same one. */
  own: number;
  malformed: Readonly<Record<MalformedIpv4['reason'], number>>;
}

export interface VrrpPacket {
  readonly bytes: Uint8Array;
  readonly destination: Uint8Array;
  /** `struct sockaddr_*` of the destination. */
  readonly to: Uint8Array;
}

export interface VrrpSocket {
  /** Where advertisements go: the group, or each peer. A checksum with a pseudo-header is different for each. */
  readonly destinations: readonly Uint8Array[];
  /** What `send` sends: a message with its IP header. Made once, it may be sent for as long as the message does not change. */
  packet(message: Uint8Array, destination: Uint8Array): VrrpPacket;
  /** Sends one packet at once. A failure is told to `onError`. After `close` it does nothing. */
  send(packet: VrrpPacket): void;
  counters(): VrrpSocketCounters;
  /** Of its advertisements, from now on. */
  changeInterval(intervalUs: number): void;
  /** Nothing is received any more. */
  close(): void;
}

/**
 * Opens one virtual router's VRRP socket (protocol 112) on one interface; main thread only (raw-socket). Receives multicast to
 * the VRRP group in multicast mode, and unicast to any address of this host on that interface in both.
 * Fails with `EPERM` without CAP_NET_RAW, `ENODEV` for an unknown interface.
 */
export function openVrrpSocket(options: VrrpSocketOptions): SystemResult<VrrpSocket> {
  const { family, source, mode, virtualRouterId, onMessage, onError } = options;
  const multicast = mode.kind === 'multicast';
  const destinations = multicast ? [family === 'ipv4' ? VRRP_GROUP_IPV4 : VRRP_GROUP_IPV6] : mode.peers;
  for (const address of [source, ...destinations]) {
    if (address.length !== addressBytes(family)) {
      return systemError('open VRRP socket', constants.errno.EINVAL, `an address is not ${family}`);
    }
  }
  const ownDestination = multicast ? (destinations[0] ?? source) : source;
  const malformed = { truncated: 0, 'not-ipv4': 0, 'bad-header-length': 0, 'not-vrrp': 0 };
  let { intervalUs } = options;
  let received = 0;
  let own = 0;
  /** undefined: it was our own. */
  let last: ReceivedMessage | undefined;
  let closed = false;

  const listener: VrrpListener = {
    virtualRouterId,
    get intervalUs() {
      return intervalUs;
    },
    hear(message, from, ip) {
      last =
        compareAddresses(from, source) === 0
          ? undefined
          : { message, source: from, destination: ip?.destination ?? ownDestination, hopLimit: ip?.hopLimit };
      this.hearAgain();
    },
    hearAgain() {
      received += 1;
      if (last === undefined) own += 1;
      else onMessage(last);
    },
    malformed(reason) {
      received += 1;
      malformed[reason] += 1;
    },
    failed: onError,
  };
  const joined = SharedVrrpSocket.join({ ...options, multicast }, listener);
  if (!joined.ok) return joined;
  const socket = joined.value;
  const packetOf = family === 'ipv4' ? ipv4VrrpPacket : ipv6VrrpPacket;
  const sockaddr = family === 'ipv4' ? sockaddrIn : sockaddrIn6;

  return {
    ok: true,
    value: {
      destinations,
      packet: (message, destination) => ({
        bytes: packetOf(source, destination, message),
        destination,
        to: sockaddr(destination, 0),
      }),
      send({ bytes, to, destination }) {
        if (closed) return;
        const sent = socket.send(bytes, to);
        if (!sent.ok) onError(systemError('sendto', sent.errno, `to ${formatAddress(destination)}`));
      },
      counters: () => ({ received, own, malformed: { ...malformed } }),
      changeInterval(changedUs) {
        intervalUs = changedUs;
        socket.intervalsChanged();
      },
      close() {
        closed = true;
        socket.leave(listener);
      },
    },
  };
}
