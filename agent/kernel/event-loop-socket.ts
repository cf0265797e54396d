import { createSocket } from 'node:dgram';
import { type SystemError, type SystemResult, systemError } from './errno.ts';
import { close, duplicateOnto, socket } from './libc.ts';
import { AF_INET, SOCK_CLOEXEC, SOCK_DGRAM, SOCK_NONBLOCK } from './sockaddr.ts';

/** A datagram socket of any address family, read by the event loop. */
export interface EventLoopSocket {
  close(): void;
}

/** One on which something may be set later. */
export interface AdoptedSocket extends EventLoopSocket {
  readonly fd: number;
}

/**
 * Hands a datagram socket that Node has no type for (netlink, packet) to the event loop, which wakes for it as for any
 * other: no thread is held, and nothing is polled. The descriptor must be non-blocking; it is closed here, in any case.
 *
 * Node adopts the descriptor of a UDP socket, and in the same turn that descriptor is made to name our socket instead.
 * libuv tells epoll of it when the turn is over, and from then on reads it with recvmsg(2), which suits every datagram
 * socket. Node's own types would refuse the descriptor only because they cannot name its sender.
 */
export function readInEventLoop(
  fd: number,
  onDatagram: (datagram: Uint8Array) => void,
  /** A receive failed, such as ENOBUFS of a netlink socket that has lost messages. The socket lives on. */
  onError: (error: SystemError) => void,
): SystemResult<AdoptedSocket> {
  const stand = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (!stand.ok) {
    close(fd);
    return stand;
  }
  const reader = createSocket('udp4');
  reader.bind({ fd: stand.value, exclusive: true });
  const moved = duplicateOnto(fd, stand.value);
  close(fd);
  if (!moved.ok) {
    reader.close();
    return moved;
  }
  // As what it is declared to be: of a Buffer, `slice` would be no copy.
  reader.on('message', ({ buffer, byteOffset, length }) => onDatagram(new Uint8Array(buffer, byteOffset, length)));
  reader.on('error', (cause: NodeJS.ErrnoException) => onError(systemError('recvmsg', Math.abs(cause.errno ?? 0))));
  return { ok: true, value: { fd: stand.value, close: () => void reader.close() } };
}
