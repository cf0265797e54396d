import { constants } from 'node:os';
import { type AddressFamily, parseAddress, VRRP_PROTOCOL } from '@tiebreak/shared/vrrp';
import { createSocket, AddressFamily as RawFamily, type Socket } from 'raw-socket';
import { DatagramBatch } from './datagram-batch.ts';
import { type SystemError, type SystemResult, systemError } from './errno.ts';
import { type MalformedIpv4, parseIpv4Packet } from './ip-packet.ts';
import { attachFilter, errorSentence, sendTo } from './libc.ts';
import { newVrrpDescriptor } from './raw-descriptor.ts';
import { isSameBytes } from './same-bytes.ts';
import { SOCKADDR_IN6_ADDRESS_AT } from './sockaddr.ts';
import { virtualRouterFilter } from './virtual-router-filter.ts';
import { type VrrpSocketParameters, vrrpSocketOptions } from './vrrp-socket-options.ts';

// 255 IPv6 addresses, the header and an authentication trailer take 4.1 KiB; a cut message must be seen to be cut.
const RECEIVE_BYTES = 8192;
const BATCH = 32;
/** Of one turn of the event loop: more than the receive buffer holds of real advertisements, and an end to a flood. */
const BATCHES_MAX = 256;

/**
 * Packets that follow each other closely are gathered, and read together: with hundreds of virtual routers a wake-up costs more
 * than what it is for. One alone is heard at once, and the others later by this part of the shortest interval at most.
 */
const GATHER_MS_MAX = 8;
const GATHERS_PER_INTERVAL = 12;

/** One virtual router's part of a shared socket. */
export interface VrrpListener {
  readonly virtualRouterId: number;
  /** Of advertisements. Whoever changes it says so to the socket. */
  readonly intervalUs: number;
  /** Copies, the listener's to keep. `ip` is undefined for IPv6: raw sockets do not tell. */
  hear(message: Uint8Array, source: Uint8Array, ip: { destination: Uint8Array; hopLimit: number } | undefined): void;
  /** The last packet that it heard has come once more, byte for byte: most advertisements are no news. */
  hearAgain(): void;
  /** A packet that says not even for whom it is. */
  malformed(reason: MalformedIpv4['reason']): void;
  failed(error: SystemError): void;
}

/** The last packet for a virtual router. */
interface Known {
  readonly packet: Uint8Array;
  /** IPv6 only, where the packet comes without its header. */
  readonly source: Uint8Array | undefined;
}

// raw-socket closes a socket that nobody refers to any more, even while it waits for packets.
const shared = new Map<string, SharedVrrpSocket>();
const gathering = new Set<SharedVrrpSocket>();
let batch: DatagramBatch | undefined;

/** Hears what has been gathered so far: before a timer rings that an advertisement might have put off. */
export function hearGathered(): void {
  for (const socket of gathering) socket.hearWaiting();
}

/**
 * The one raw socket for VRRP of all virtual routers on an interface that have the family and the way of sending in common: a
 * socket for each would have every multicast packet copied to all of them. The kernel lets through only what is theirs.
 */
export class SharedVrrpSocket {
  readonly #key: string;
  readonly #socket: Socket;
  readonly #fd: number;
  readonly #family: AddressFamily;
  readonly #listeners = new Set<VrrpListener>();
  readonly #byId: (VrrpListener[] | undefined)[] = [];
  readonly #known: (Known | undefined)[] = [];
  #filterIsDue = false;
  #gatherMs = 0;
  #wokenAtMs = Number.NEGATIVE_INFINITY;
  #gatheringTimer: NodeJS.Timeout | undefined;
  #closed = false;

  private constructor(key: string, socket: Socket, fd: number, family: AddressFamily) {
    this.#key = key;
    this.#socket = socket;
    this.#fd = fd;
    this.#family = family;
    socket.on('message', (data, source) => this.#ready(data, source));
    socket.on('error', (error) => this.#failed(error));
    socket.on('close', () => this.#gone());
  }

  /** Opens the socket for the first listener, hands it to all others. Each of them leaves again. */
  static join(parameters: VrrpSocketParameters, listener: VrrpListener): SystemResult<SharedVrrpSocket> {
    const { interface: name, interfaceIndex, family, multicast } = parameters;
    const key = [name, interfaceIndex, family, multicast ? 'multicast' : 'unicast'].join('/');
    const there = shared.get(key);
    const found: SystemResult<SharedVrrpSocket> =
      there === undefined ? open(key, parameters) : { ok: true, value: there };
    if (found.ok) found.value.#add(listener);
    return found;
  }

  static own(key: string, socket: Socket, fd: number, family: AddressFamily): SharedVrrpSocket {
    const opened = new SharedVrrpSocket(key, socket, fd, family);
    shared.set(key, opened);
    return opened;
  }

  static descriptors(): ReadonlySet<number> {
    return new Set([...shared.values()].map((socket) => socket.#fd));
  }

  /** Sends a whole IP packet at once. `to` is a `struct sockaddr_*`. */
  send(packet: Uint8Array, to: Uint8Array): SystemResult<number> {
    return this.#closed ? systemError('sendto', constants.errno.EBADF) : sendTo(this.#fd, packet, to);
  }

  /** With the last one the socket is closed. */
  leave(listener: VrrpListener): void {
    if (!this.#listeners.delete(listener)) return;
    const others = this.#byId[listener.virtualRouterId]?.filter((other) => other !== listener) ?? [];
    this.#byId[listener.virtualRouterId] = others.length === 0 ? undefined : others;
    // The filter stays: what it lets through in vain nobody hears, and hundreds may leave one after the other.
    if (this.#listeners.size === 0 && !this.#closed) this.#socket.close();
    else this.intervalsChanged();
  }

  /** How long it gathers hangs on the shortest of them. */
  intervalsChanged(): void {
    const nowMs = gatherMs(this.#listeners);
    if (nowMs === this.#gatherMs) return;
    this.#gatherMs = nowMs;
    this.#gathered();
  }

  #add(listener: VrrpListener): void {
    const { virtualRouterId: id } = listener;
    this.#listeners.add(listener);
    this.#byId[id] = [...(this.#byId[id] ?? []), listener];
    this.#known[id] = undefined;
    this.intervalsChanged();
    this.#filterSoon();
  }

  /** Once for all that come in one go. Without the filter the socket is right as well, only woken more often. */
  #filterSoon(): void {
    if (this.#filterIsDue) return;
    this.#filterIsDue = true;
    queueMicrotask(() => {
      this.#filterIsDue = false;
      if (this.#closed) return;
      const ids = new Set([...this.#listeners].map(({ virtualRouterId }) => virtualRouterId));
      attachFilter(this.#fd, virtualRouterFilter(this.#family, ids));
    });
  }

  /** raw-socket has read the first packet; whatever has come since is read in the same turn, so that it counts before any timer. */
  #ready(first: Uint8Array, sourceText: string): void {
    if (this.#family === 'ipv4') this.#hearIpv4(first, first.length);
    else this.#hearIpv6(first, first.length, parseAddress(sourceText) ?? new Uint8Array(0));
    this.hearWaiting();
    const nowMs = performance.now();
    if (nowMs - this.#wokenAtMs < this.#gatherMs && !this.#closed) this.#gather();
    this.#wokenAtMs = nowMs;
  }

  /** How many messages were there. */
  hearWaiting(): number {
    batch ??= new DatagramBatch(BATCH, RECEIVE_BYTES);
    let heard = 0;
    for (let round = 0; round < BATCHES_MAX && !this.#closed; round += 1) {
      const received = batch.receive(this.#fd);
      if (!received.ok) {
        if (received.code !== 'EAGAIN' && received.code !== 'EINTR') this.#tell(received);
        return heard;
      }
      for (let index = 0; index < received.value; index += 1) {
        const length = batch.length(index);
        if (this.#family === 'ipv4') this.#hearIpv4(batch.datagram(index), length);
        else this.#hearIpv6(batch.datagram(index), length, ipv6Sender(batch.sender(index)));
      }
      heard += received.value;
      if (received.value < batch.size) return heard;
    }
    return heard;
  }

  #gather(): void {
    this.#socket.pauseRecv();
    gathering.add(this);
    this.#gatheringTimer = setTimeout(() => {
      if (this.hearWaiting() > 0) this.#gatheringTimer?.refresh();
      else this.#gathered();
    }, this.#gatherMs);
  }

  #gathered(): void {
    clearTimeout(this.#gatheringTimer);
    this.#gatheringTimer = undefined;
    if (gathering.delete(this) && !this.#closed) this.#socket.resumeRecv();
  }

  #hearIpv4(packet: Uint8Array, length: number): void {
    const id = packet[4 * ((packet[0] ?? 0) & 0x0f) + 1] ?? 0;
    const known = this.#known[id];
    const listeners = this.#byId[id];
    if (known !== undefined && listeners !== undefined && isSameIpv4(known.packet, packet, length)) {
      for (const listener of listeners) listener.hearAgain();
      return;
    }
    const copy = copyOf(packet, length);
    const parsed = parseIpv4Packet(copy);
    if (!parsed.ok) {
      this.#malformed(parsed.reason);
      return;
    }
    if (parsed.message.length > 1) this.#known[id] = { packet: copy, source: undefined };
    for (const listener of this.#hearing(parsed.message)) listener.hear(parsed.message, parsed.source, parsed);
  }

  /** @param source none: it could not be read */
  #hearIpv6(packet: Uint8Array, length: number, source: Uint8Array): void {
    if (source.length === 0) {
      this.#malformed('truncated');
      return;
    }
    const id = packet[1] ?? 0;
    const known = this.#known[id];
    const listeners = this.#byId[id];
    const isSame =
      known?.source !== undefined && isSameBytes(known.packet, packet, length) && isSameBytes(known.source, source);
    if (isSame && listeners !== undefined) {
      for (const listener of listeners) listener.hearAgain();
      return;
    }
    const message = copyOf(packet, length);
    const sender = copyOf(source, source.length);
    if (length > 1) this.#known[id] = { packet: message, source: sender };
    for (const listener of this.#hearing(message)) listener.hear(message, sender, undefined);
  }

  #malformed(reason: MalformedIpv4['reason']): void {
    for (const listener of this.#listeners) listener.malformed(reason);
  }

  #hearing(message: Uint8Array): Iterable<VrrpListener> {
    const id = message[1];
    return id === undefined ? this.#listeners : (this.#byId[id] ?? NOBODY);
  }

  #failed(error: Error): void {
    if (this.#closed) return;
    // A poll that failed comes as libuv's number; raw-socket closes the socket by itself then.
    const pollStatus = Number(error.message);
    this.#tell(Number.isInteger(pollStatus) ? systemError('poll', -pollStatus) : nativeError('recvfrom', error));
  }

  #tell(error: SystemError): void {
    for (const listener of this.#listeners) listener.failed(error);
  }

  #gone(): void {
    this.#closed = true;
    this.#gathered();
    if (shared.get(this.#key) === this) shared.delete(this.#key);
  }
}

function gatherMs(listeners: Iterable<VrrpListener>): number {
  let shortestUs = Number.POSITIVE_INFINITY;
  for (const { intervalUs } of listeners) shortestUs = Math.min(shortestUs, intervalUs);
  return Math.min(GATHER_MS_MAX, Math.floor(shortestUs / 1_000 / GATHERS_PER_INTERVAL));
}

const NOBODY: readonly VrrpListener[] = [];

function open(key: string, parameters: VrrpSocketParameters): SystemResult<SharedVrrpSocket> {
  let socket: Socket;
  try {
    socket = createSocket({
      protocol: VRRP_PROTOCOL,
      addressFamily: parameters.family === 'ipv4' ? RawFamily.IPv4 : RawFamily.IPv6,
      bufferSize: RECEIVE_BYTES,
    });
  } catch (error) {
    return nativeError('socket', error, 'protocol 112');
  }
  for (const { name, level, option, value, optional } of vrrpSocketOptions(parameters)) {
    try {
      if (typeof value === 'number') socket.setOption(level, option, value);
      else socket.setOption(level, option, Buffer.from(value), value.length);
    } catch (error) {
      if (optional) continue;
      socket.close();
      return nativeError(`setsockopt ${name}`, error, `interface ${parameters.interface}`);
    }
  }
  const fd = newVrrpDescriptor(SharedVrrpSocket.descriptors());
  if (fd !== undefined) return { ok: true, value: SharedVrrpSocket.own(key, socket, fd, parameters.family) };
  socket.close();
  return systemError(
    'open VRRP socket',
    constants.errno.ENOENT,
    'its descriptor is not in /proc/self/fd; is /proc mounted?',
  );
}

/** Apart from the identification and the header's checksum, which are another packet's and have been verified by the kernel. */
function isSameIpv4(known: Uint8Array, packet: Uint8Array, length: number): boolean {
  if (known.length !== length) return false;
  for (let at = 0; at < length; at += 1) {
    if (known[at] !== packet[at] && at !== 4 && at !== 5 && at !== 10 && at !== 11) return false;
  }
  return true;
}

/** Not `slice`: of a Buffer, such as raw-socket reads into again and again, that is a view. */
function copyOf(bytes: Uint8Array, length: number): Uint8Array {
  return Uint8Array.from(bytes.subarray(0, length));
}

function ipv6Sender(sockaddr: Uint8Array): Uint8Array {
  return sockaddr.subarray(SOCKADDR_IN6_ADDRESS_AT, SOCKADDR_IN6_ADDRESS_AT + 16);
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
