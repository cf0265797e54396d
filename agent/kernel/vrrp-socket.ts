import { constants } from 'node:os';
import { type AddressFamily, formatAddress, parseAddress, VRRP_PROTOCOL } from '@tiebreak/shared/vrrp';
import { createSocket, AddressFamily as RawFamily, type Socket } from 'raw-socket';
import { addressBytes } from './address-family.ts';
import { type SystemError, type SystemResult, systemError } from './errno.ts';
import { ipv4VrrpPacket, ipv6VrrpPacket, type MalformedIpv4, parseIpv4Packet } from './ip-packet.ts';
import { errorSentence } from './libc.ts';
import { VRRP_GROUP_IPV4, VRRP_GROUP_IPV6, vrrpSocketOptions } from './vrrp-socket-options.ts';

// 255 IPv6 addresses, the header and an authentication trailer take 4.1 KiB; a cut message must be seen to be cut.
const RECEIVE_BYTES = 8192;

// raw-socket closes a socket that nobody refers to any more, even while it waits for packets.
const open = new Set<Socket>();

export interface ReceivedMessage {
  /** The VRRP message without the IP header: a copy, the receiver's to keep. */
  message: Uint8Array;
  source: Uint8Array;
  /** IPv6: the one that this socket serves, for raw-socket does not tell; a message to another fails its checksum. */
  destination: Uint8Array;
  /** IPv4's TTL; undefined for IPv6, where raw-socket cannot see it (the fence drops what is not 255). */
  hopLimit: number | undefined;
}

export type VrrpSocketMode =
  | { readonly kind: 'multicast' }
  | { readonly kind: 'unicast'; readonly peers: readonly Uint8Array[] };

export interface VrrpSocketOptions {
  interface: string;
  interfaceIndex: number;
  family: AddressFamily;
  /** The source address of all that is sent; IPv6 multicast wants the link-local one (RFC 9568 section 5.1.2.1). */
  source: Uint8Array;
  mode: VrrpSocketMode;
  /** Every message that arrives for protocol 112 on the interface, of any virtual router, our own left out. */
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

export interface VrrpSocket {
  /** Where advertisements go: the group, or each peer. A checksum with a pseudo-header is different for each. */
  readonly destinations: readonly Uint8Array[];
  /**
   * Queues one message; it leaves in the next poll phase of the event loop, ahead of anything still to be received.
   * A failure is told to `onError`. After `close` it does nothing.
   */
  send(message: Uint8Array, destination: Uint8Array): void;
  counters(): VrrpSocketCounters;
  /** Stops receiving at once; resolves when what was queued has left and the socket is closed. */
  close(): Promise<void>;
}

/**
 * Opens a raw socket for VRRP (protocol 112) on one interface; main thread only (raw-socket). Receives multicast to
 * the VRRP group in multicast mode, and unicast to any address of this host on that interface in both.
 * Fails with `EPERM` without CAP_NET_RAW, `ENODEV` for an unknown interface.
 */
export function openVrrpSocket(options: VrrpSocketOptions): SystemResult<VrrpSocket> {
  const { family, source, mode } = options;
  const multicast = mode.kind === 'multicast';
  const destinations = multicast ? [family === 'ipv4' ? VRRP_GROUP_IPV4 : VRRP_GROUP_IPV6] : mode.peers;
  for (const address of [source, ...destinations]) {
    if (address.length !== addressBytes(family)) {
      return systemError('open VRRP socket', constants.errno.EINVAL, `an address is not ${family}`);
    }
  }
  let socket: Socket;
  try {
    socket = createSocket({
      protocol: VRRP_PROTOCOL,
      addressFamily: family === 'ipv4' ? RawFamily.IPv4 : RawFamily.IPv6,
      bufferSize: RECEIVE_BYTES,
    });
  } catch (error) {
    return nativeError('socket', error, 'protocol 112');
  }
  for (const { name, level, option, value, optional } of vrrpSocketOptions({ ...options, multicast })) {
    try {
      if (typeof value === 'number') socket.setOption(level, option, value);
      else socket.setOption(level, option, Buffer.from(value), value.length);
    } catch (error) {
      if (optional) continue;
      socket.close();
      return nativeError(`setsockopt ${name}`, error, `interface ${options.interface}`);
    }
  }
  return { ok: true, value: vrrpSocket(socket, options, destinations) };
}

function vrrpSocket(socket: Socket, options: VrrpSocketOptions, destinations: readonly Uint8Array[]): VrrpSocket {
  const { family, source, onMessage, onError } = options;
  const ownDestination = options.mode.kind === 'multicast' ? destinations[0] : source;
  const malformed = { truncated: 0, 'not-ipv4': 0, 'bad-header-length': 0, 'not-vrrp': 0 };
  let received = 0;
  let own = 0;
  let queued = 0;
  let closing: { promise: Promise<void>; resolve: () => void } | undefined;
  let closed = false;

  open.add(socket);
  socket.on('message', (data, sourceText) => {
    if (closing !== undefined) return;
    received += 1;
    // raw-socket reads the next packet into the same buffer.
    const packet = Uint8Array.from(data);
    const message = family === 'ipv4' ? parseIpv4Packet(packet) : ipv6Message(packet, sourceText, ownDestination);
    if (!message.ok) {
      malformed[message.reason] += 1;
    } else if (equal(message.source, source)) {
      own += 1;
    } else {
      onMessage({
        message: message.message,
        source: message.source,
        destination: message.destination,
        hopLimit: message.hopLimit,
      });
    }
  });
  socket.on('error', (error) => {
    if (closed) return;
    // A poll that failed comes as libuv's number; raw-socket closes the socket by itself then.
    const pollStatus = Number(error.message);
    onError(Number.isInteger(pollStatus) ? systemError('poll', -pollStatus) : nativeError('recvfrom', error));
  });
  socket.on('close', () => {
    closed = true;
    open.delete(socket);
    closing?.resolve();
  });

  return {
    destinations,
    send(message, destination) {
      if (closing !== undefined || closed) return;
      const packet = Buffer.from(
        family === 'ipv4' ? ipv4VrrpPacket(source, destination, message) : ipv6VrrpPacket(source, destination, message),
      );
      queued += 1;
      // raw-socket serves an incoming packet before an outgoing one each time both are possible: a flood of packets
      // would keep our advertisements back. While one is queued, it listens for 'writable' only.
      socket.pauseRecv();
      socket.send(packet, 0, packet.length, formatAddress(destination), (error) => {
        queued -= 1;
        if (error !== null) onError(nativeError('sendto', error, `to ${formatAddress(destination)}`));
        if (queued > 0) return;
        if (closing === undefined) socket.resumeRecv();
        else socket.close();
      });
    },
    counters: () => ({ received, own, malformed: { ...malformed } }),
    close() {
      if (closing !== undefined) return closing.promise;
      closing = Promise.withResolvers<void>();
      if (closed) closing.resolve();
      else if (queued === 0) socket.close();
      return closing.promise;
    },
  };
}

function ipv6Message(message: Uint8Array, sourceText: string, destination: Uint8Array | undefined) {
  const source = parseAddress(sourceText);
  if (source === undefined || destination === undefined) return { ok: false, reason: 'truncated' } as const;
  return { ok: true, message, source, destination, hopLimit: undefined } as const;
}

function equal(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

let errnoBySentence: Map<string, number> | undefined;

/** raw-socket throws the C library's sentence without the number; the same library translates it back. */
function nativeError(call: string, error: unknown, detail?: string): SystemError {
  errnoBySentence ??= new Map(Object.values(constants.errno).map((errno) => [errorSentence(errno), errno]));
  const sentence = error instanceof Error ? error.message : String(error);
  const errno = errnoBySentence.get(sentence);
  if (errno === undefined) return { ...systemError(call, 0, detail), code: 'UNKNOWN', text: `${call}: ${sentence}` };
  return systemError(call, errno, detail);
}
