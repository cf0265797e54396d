import { type AddressFamily, compareAddresses } from '@tiebreak/shared/vrrp';
import {
  type AddressClaim,
  advertisementClaimFilter,
  arpClaimFilter,
  claimOfAdvertisement,
  claimOfArp,
} from './claim-filter.ts';
import type { SystemResult } from './errno.ts';
import { type AdoptedSocket, type EventLoopSocket, readInEventLoop } from './event-loop-socket.ts';
import { attachFilter, bind, close, socket } from './libc.ts';
import { AF_PACKET, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_RAW, sockaddrLinkLayer } from './sockaddr.ts';

const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV6 = 0x86dd;

export interface ClaimListenerOptions {
  readonly interfaceIndex: number;
  readonly family: AddressFamily;
  readonly addresses: readonly Uint8Array[];
  readonly ownMac: Uint8Array;
  readonly onClaim: (claim: AddressClaim) => void;
}

/** One socket for all that listen on an interface: the kernel shows every packet that comes in to each packet socket there. */
interface SharedListener {
  readonly socket: AdoptedSocket;
  readonly listeners: Set<ClaimListenerOptions>;
  filterIsDue: boolean;
}

const shared = new Map<string, SharedListener>();

/**
 * Hears on one interface who else says that one of our addresses is his: ARP for IPv4, neighbour advertisements for IPv6.
 * The kernel lets nothing else through to the agent. What the fence drops is not heard. Needs CAP_NET_RAW (`EPERM`).
 */
export function openClaimListener(options: ClaimListenerOptions): SystemResult<EventLoopSocket> {
  const key = [options.interfaceIndex, options.family, ...options.ownMac].join('/');
  const there = shared.get(key);
  if (there === undefined) {
    const opened = openShared(options);
    if (!opened.ok) return opened;
    shared.set(key, opened.value);
    return { ok: true, value: { close: () => leave(key, opened.value, options) } };
  }
  there.listeners.add(options);
  filterSoon(there);
  return { ok: true, value: { close: () => leave(key, there, options) } };
}

function openShared(first: ClaimListenerOptions): SystemResult<SharedListener> {
  const ipv4 = first.family === 'ipv4';
  // Protocol 0: it receives nothing until it is bound, and by then it has its filter.
  const opened = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (!opened.ok) return opened;
  const fd = opened.value;
  const listeners = new Set([first]);
  const filtered = attachFilter(fd, filterOf(listeners));
  const protocol = ipv4 ? ETHERTYPE_ARP : ETHERTYPE_IPV6;
  const local = sockaddrLinkLayer(protocol, first.interfaceIndex, new Uint8Array(0));
  const ready = filtered.ok ? bind(fd, local) : filtered;
  if (!ready.ok) {
    close(fd);
    return ready;
  }
  const reading = readInEventLoop(
    fd,
    (frame) => {
      const claim = ipv4 ? claimOfArp(frame) : claimOfAdvertisement(frame);
      if (claim === undefined) return;
      for (const { addresses, onClaim } of listeners) {
        if (addresses.some((address) => isSameAddress(address, claim.address))) onClaim(claim);
      }
    },
    // ENETDOWN, when the interface goes down: the kernel binds it again when it comes up.
    () => {},
  );
  return reading.ok ? { ok: true, value: { socket: reading.value, listeners, filterIsDue: false } } : reading;
}

function isSameAddress(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && compareAddresses(left, right) === 0;
}

function leave(key: string, from: SharedListener, options: ClaimListenerOptions): void {
  if (!from.listeners.delete(options)) return;
  // The filter stays: what it lets through in vain nobody hears, and hundreds may leave one after the other.
  if (from.listeners.size > 0) return;
  if (shared.get(key) === from) shared.delete(key);
  from.socket.close();
}

/** Once for all that come together. */
function filterSoon(changed: SharedListener): void {
  if (changed.filterIsDue) return;
  changed.filterIsDue = true;
  queueMicrotask(() => {
    changed.filterIsDue = false;
    if (changed.listeners.size > 0) attachFilter(changed.socket.fd, filterOf(changed.listeners));
  });
}

function filterOf(listeners: ReadonlySet<ClaimListenerOptions>): Uint8Array {
  const all = [...listeners];
  const [first] = all;
  if (first === undefined) throw new Error('a filter is for somebody who listens');
  const addresses = all.flatMap((listener) => listener.addresses);
  const { family, ownMac } = first;
  return family === 'ipv4' ? arpClaimFilter(addresses, ownMac) : advertisementClaimFilter(addresses, ownMac);
}
