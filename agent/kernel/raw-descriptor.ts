import { readdirSync } from 'node:fs';
import { VRRP_PROTOCOL } from '@tiebreak/shared/vrrp';
import { getSocketOptionInt } from './libc.ts';
import { SO_PROTOCOL, SOL_SOCKET } from './sockaddr.ts';

/**
 * The descriptor of the VRRP socket that this process has just opened; raw-socket keeps it to itself, and reads one packet for
 * each turn of the event loop. undefined: /proc does not show it.
 */
export function newVrrpDescriptor(known: ReadonlySet<number>): number | undefined {
  const descriptors = readdirSync('/proc/self/fd').map(Number);
  return descriptors.find((fd) => {
    if (known.has(fd)) return false;
    const protocol = getSocketOptionInt(fd, SOL_SOCKET, SO_PROTOCOL);
    return protocol.ok && protocol.value === VRRP_PROTOCOL;
  });
}
