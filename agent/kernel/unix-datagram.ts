import type { SystemResult } from './errno.ts';
import { close, sendTo, socket } from './libc.ts';
import { AF_UNIX, MSG_DONTWAIT, MSG_NOSIGNAL, SOCK_CLOEXEC, SOCK_DGRAM, sockaddrUnix } from './sockaddr.ts';

/** A Unix datagram socket that only sends, which Node does not have. */
export interface UnixDatagram {
  /** Never waits. */
  send(datagram: Uint8Array): SystemResult<number>;
  close(): void;
}

/** `path`: of the receiver; one that begins with `@` is in the abstract namespace. */
export function openUnixDatagram(path: string): SystemResult<UnixDatagram> {
  const opened = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (!opened.ok) return opened;
  const fd = opened.value;
  const receiver = sockaddrUnix(path);
  return {
    ok: true,
    value: {
      send: (datagram) => sendTo(fd, datagram, receiver, MSG_DONTWAIT | MSG_NOSIGNAL),
      close: () => {
        close(fd);
      },
    },
  };
}
