import type { SystemError, SystemResult } from './errno.ts';
import { type EventLoopSocket, readInEventLoop } from './event-loop-socket.ts';
import { bind, close, setSocketOptionInt, socket } from './libc.ts';
import { decodeNetworkChanges, type NetworkChange } from './network-change.ts';
import {
  AF_NETLINK,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_SOCKET,
  sockaddrNetlink,
} from './sockaddr.ts';

const NETLINK_ROUTE = 0;
// RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR and RTNLGRP_IPV6_IFADDR as bits.
const GROUPS = 0x1 | 0x10 | 0x100;
// A link message takes 1.5 KiB: some 700 of them, such as a container host's start.
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/**
 * Tells of each change of a link or an address in this network namespace when it happens, whoever makes it. `onLost`: some
 * have been lost, so everything must be read anew. Needs no privilege.
 */
export function openNetworkMonitor(options: {
  onChange: (change: NetworkChange) => void;
  onLost: (error: SystemError) => void;
}): SystemResult<EventLoopSocket> {
  const opened = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
  if (!opened.ok) return opened;
  const fd = opened.value;
  // Without CAP_NET_ADMIN it stays smaller, and messages are lost sooner.
  setSocketOptionInt(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES);
  const bound = bind(fd, sockaddrNetlink(0, GROUPS));
  if (!bound.ok) {
    close(fd);
    return bound;
  }
  return readInEventLoop(
    fd,
    (datagram) => {
      for (const change of decodeNetworkChanges(datagram)) options.onChange(change);
    },
    options.onLost,
  );
}
