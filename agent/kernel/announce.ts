import { constants } from 'node:os';
import { type SystemResult, systemError } from './errno.ts';
import { advertisementFrame, gratuitousArpFrame, MAC_BYTES, unsolicitedNeighbourAdvertisementFrame } from './frames.ts';
import { bind, close, sendTo, setSocketOptionInt, socket } from './libc.ts';
import {
  AF_PACKET,
  MSG_DONTWAIT,
  SO_PRIORITY,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  sockaddrLinkLayer,
} from './sockaddr.ts';

const TC_PRIO_CONTROL = 7;

/** Tells an interface's segment where an address lives now. One frame for each call; repeating is the caller's. */
export interface Announcer {
  /** `address`: IPv4. */
  gratuitousArp(address: Uint8Array): SystemResult<undefined>;
  /** `address`: IPv6. `router`: the R flag, true where the address is a router's. */
  unsolicitedNeighbourAdvertisement(address: Uint8Array, router: boolean): SystemResult<undefined>;
  /** A VRRP message to a multicast group, from `mac`, which is the virtual router's own. */
  advertisement(packet: { source: Uint8Array; destination: Uint8Array; message: Uint8Array }): SystemResult<undefined>;
  close(): void;
}

/**
 * Opens a packet socket for an interface. `mac` is the one announced: the interface's own (also of a macvlan with a
 * virtual MAC). Frames go through the egress hook, so a closed fence holds them back. Needs CAP_NET_RAW (`EPERM`);
 * sends never block: a full queue is `EAGAIN` or `ENOBUFS`, an interface that is down `ENETDOWN`.
 */
export function openAnnouncer({
  interfaceIndex,
  mac,
}: {
  interfaceIndex: number;
  mac: Uint8Array;
}): SystemResult<Announcer> {
  if (mac.length !== MAC_BYTES) {
    return systemError('open announcer', constants.errno.EINVAL, 'the interface has no Ethernet address');
  }
  // Protocol 0: the socket receives nothing, so nothing has to be drained.
  const opened = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  if (!opened.ok) return opened;
  const fd = opened.value;
  const bound = bind(fd, sockaddrLinkLayer(0, interfaceIndex, new Uint8Array(0)));
  if (!bound.ok) {
    close(fd);
    return bound;
  }
  // Ahead of bulk traffic in the queueing discipline. Without CAP_NET_ADMIN it is refused, and merely not faster.
  setSocketOptionInt(fd, SOL_SOCKET, SO_PRIORITY, TC_PRIO_CONTROL);

  function send(frame: Uint8Array): SystemResult<undefined> {
    const sent = sendTo(fd, frame, null, MSG_DONTWAIT);
    return sent.ok ? { ok: true, value: undefined } : sent;
  }

  return {
    ok: true,
    value: {
      gratuitousArp: (address) => send(gratuitousArpFrame({ mac, address })),
      unsolicitedNeighbourAdvertisement: (address, router) =>
        send(unsolicitedNeighbourAdvertisementFrame({ mac, address, router })),
      advertisement: (packet) => send(advertisementFrame({ mac, ...packet })),
      close: () => {
        close(fd);
      },
    },
  };
}
