import type { AddressFamily } from '@tiebreak/shared/vrrp';
import {
  type AddressClaim,
  advertisementClaimFilter,
  arpClaimFilter,
  claimOfAdvertisement,
  claimOfArp,
} from './claim-filter.ts';
import type { SystemResult } from './errno.ts';
import { type EventLoopSocket, readInEventLoop } from './event-loop-socket.ts';
import { attachFilter, bind, close, socket } from './libc.ts';
import { AF_PACKET, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, sockaddrLinkLayer } from './sockaddr.ts';

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;

/**
 * Hears on one interface who else says that one of our addresses is his: ARP for IPv4, neighbour advertisements for IPv6.
 * The kernel lets nothing else through to the agent. What the fence drops is not heard. Needs CAP_NET_RAW (`EPERM`).
 */
export function openClaimListener(options: {
  interfaceIndex: number;
  family: AddressFamily;
  addresses: readonly Uint8Array[];
  ownMac: Uint8Array;
  onClaim: (claim: AddressClaim) => void;
}): SystemResult<EventLoopSocket> {
  const { interfaceIndex, family, addresses, ownMac, onClaim } = options;
  const ipv4 = family === 'ipv4';
  const filter = ipv4 ? arpClaimFilter(addresses, ownMac) : advertisementClaimFilter(addresses, ownMac);
  // Protocol 0: it receives nothing until it is bound, and by then it has its filter.
  const opened = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (!opened.ok) return opened;
  const fd = opened.value;
  const filtered = attachFilter(fd, filter);
  const protocol = ipv4 ? ETHERTYPE_ARP : ETHERTYPE_IPV6;
  const ready = filtered.ok ? bind(fd, sockaddrLinkLayer(protocol, interfaceIndex, new Uint8Array(0))) : filtered;
  if (!ready.ok) {
    close(fd);
    return ready;
  }
  return readInEventLoop(
    fd,
    (frame) => {
      const claim = ipv4 ? claimOfArp(frame) : claimOfAdvertisement(frame);
      if (claim !== undefined) onClaim(claim);
    },
    // ENETDOWN, when the interface goes down: the kernel binds it again when it comes up.
    () => {},
  );
}
