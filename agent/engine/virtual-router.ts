import { isDeepStrictEqual } from 'node:util';
import { addressAt, formatAddress, isLinkLocal } from '@tiebreak/shared/vrrp';
import type { HmacKey, Secrets, VirtualRouterConfig } from '../config/index.ts';
import type {
  Announcer,
  InterfaceAddress,
  Link,
  ReceivedMessage,
  Rtnetlink,
  SystemError,
  SystemResult,
} from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { type DiscardedAdvertisement, RouterTraffic } from '../metrics/counters/index.ts';
import { AdvertisementHmac } from './advertisement-hmac.ts';
import { advertiser, type SendAdvertisement } from './advertiser.ts';
import { type AnnouncementFrame, AnnouncementFrames } from './announcement-frames.ts';
import { Announcements } from './announcements.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import type { FramePacer } from './frame-pacer.ts';
import { advertisementJudge, type HeardAdvertisement } from './heard-advertisement.ts';
import { KeptAddresses } from './kept-addresses.ts';
import { KeptRoutes } from './kept-routes.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import { linkNamed, openRouterPorts, type RouterPorts } from './router-ports.ts';
import { sourceAddress } from './source-address.ts';

/** One virtual router's hands and ears: its VRRP socket, its addresses in the kernel, its announcements. */
export interface VirtualRouter {
  readonly config: VirtualRouterConfig;
  /** The source of our advertisements. */
  readonly primaryAddress: Uint8Array;
  advertise(priority: number): void;
  /** With them the routes. */
  addAddresses(): void;
  /** Whether they are gone for certain. The routes go first. */
  removeAddresses(): boolean;
  /**
   * Gratuitous ARP or an unsolicited neighbour advertisement for each address, now and again until the addresses are
   * removed. Called once more meanwhile: somebody else has claimed them, and the answer is capped.
   */
  announce(): void;
  /** What is not as it should be in the kernel, for a person; empty: all is well. */
  faults(): string[];
  close(): Promise<void>;
}

/** What other programs, and the interfaces themselves, do to a virtual router: told by the kernel, or found by a look. */
export interface ReconciledRouter extends VirtualRouter {
  /** Of the interface that it advertises on. */
  carrier(): boolean;
  /** All interfaces as they are now. One that has come again has another index: everything bound to the old one is opened anew. */
  linksChanged(links: readonly Link[]): void;
  addressCame(address: InterfaceAddress): void;
  addressGone(address: InterfaceAddress): void;
  /** Compares with all addresses of this host. */
  reconcile(present: readonly InterfaceAddress[]): void;
  /** Opens what another configuration of the same virtual router needs; nothing has changed yet. */
  prepareChange(to: RouterSetting): PreparedRouterChange;
  /** What has been put right since the start. */
  corrections(): Corrections;
  /** Whoever finds an advertisement wanting later on counts it here. */
  readonly traffic: RouterTraffic;
  /** All that was not taken for an advertisement of this virtual router, by reason, since the start. */
  discarded(): ReadonlyMap<DiscardedAdvertisement, number>;
}

export type RouterSetting = {
  readonly config: VirtualRouterConfig;
  readonly links: readonly Link[];
  /** For `auth_hmac`. */
  readonly secrets: Pick<Secrets, 'hmacKeys'>;
};

export type PreparedRouterChange =
  | {
      readonly ok: true;
      /** First: takes away the addresses and routes that no longer belong here. Whether the addresses are gone for certain. */
      readonly withdraw: () => boolean;
      /** Then: goes on with the new configuration; an owner has all that belongs to it, announced. */
      readonly apply: () => void;
      /** Instead: closes what was opened for it. */
      readonly abandon: () => void;
    }
  | { readonly ok: false; readonly error: string };

export type Corrections = {
  readonly addressesRestored: number;
  readonly addressesRemoved: number;
  readonly foreignClaims: number;
};

export type OpenedVirtualRouter =
  | { readonly ok: true; readonly router: ReconciledRouter }
  | { readonly ok: false; readonly error: string };

export function openVirtualRouter(
  options: RouterSetting & {
    rtnetlink: Rtnetlink;
    log: Logger;
    /** Of all virtual routers of this host. */
    pacer: FramePacer;
    onAdvertisement: (heard: HeardAdvertisement, router: ReconciledRouter) => void;
  },
): OpenedVirtualRouter {
  const { links, rtnetlink, log } = options;
  let { config } = options;
  const link = linkNamed(links, config.interface);
  if (!link.ok) return link;
  const found = sourceAddress(config, link.link, rtnetlink);
  if (!found.ok) return found;
  let source = found.address;
  const complaints = new RateLimitedLog(log);
  const faults = new Map<string, string>();
  const traffic = new RouterTraffic();
  let { carrier } = link.link;
  if (!carrier) {
    const text = `interface ${config.interface} is down or has no carrier: the virtual router is neither heard nor of use there until it is up`;
    log.warn({ interface: config.interface, up: link.link.up }, text);
  }
  const frames = new AnnouncementFrames({
    pacer: options.pacer,
    spacingUs: () => config.announce.spacingUs,
    frames: () => announcementFrames(),
  });
  const announcements = new Announcements({
    announceNow: (copies) => frames.announce(copies),
    plan: config.announce,
    clock: SYSTEM_CLOCK,
    complaints,
  });
  const opened = openPorts(links, config, source);
  if (!opened.ok) return opened;
  let { ports } = opened;
  const sendFromVirtualMac: SendAdvertisement = (packet) => {
    const [own] = ports.announcers.values();
    const sent = own?.advertisement({ source, ...packet });
    if (sent?.ok === false) complaints.warn('advertise', { interface: config.interface }, sent.text);
  };
  let hmac = openHmac(config, source, options.secrets);
  let advertise = advertiser(config, source, ports.socket, sendFromVirtualMac, hmac);
  let judge = advertisementJudge(config, hmac);
  const addresses = new KeptAddresses({ config, placed: ports.placed, rtnetlink, complaints });
  const routes = new KeptRoutes({ routes: config.routes, links, rtnetlink, complaints });

  function openPorts(there: readonly Link[], wanted: VirtualRouterConfig, from: Uint8Array) {
    const found = openRouterPorts({
      config: wanted,
      links: there,
      source: from,
      onMessage: (received) => hear(received),
      onSocketError: (error) => socketFailed(error),
      onClaim: (claim) => announcements.claimedBy(claim),
    });
    if (found.ok && wanted.family === 'ipv4') {
      for (const { index, name } of there) if (found.ports.announcers.has(index)) keepOthers(index, name);
    }
    return found;
  }

  /** When others have flushed the addresses, ours may be there before the host's own, which then must not go with it. */
  function keepOthers(interfaceIndex: number, name: string): void {
    const kept = rtnetlink.promoteSecondaries(interfaceIndex);
    if (kept.ok) return;
    const text = `when a virtual address goes from ${name}, the host's own may go with it: ${kept.text}`;
    complaints.warn(`promote_secondaries ${name}`, { interface: name }, text);
  }

  /** What was bound to an interface that is no more, or has another MAC address by now, is of no use. */
  function reopen(there: readonly Link[]): void {
    const again = openPorts(there, config, source);
    if (!again.ok) {
      const text = `waits for its interface: ${again.error}`;
      faults.set('ports', text);
      complaints.error('ports', { interface: config.interface }, `virtual router ${config.virtualRouterId} ${text}`);
      return;
    }
    usePorts(again.ports);
    advertise = advertiser(config, source, ports.socket, sendFromVirtualMac, hmac);
    log.warn(
      { interface: config.interface },
      `interface ${config.interface} has come again: its sockets are open again`,
    );
    addresses.moveTo(ports.placed);
    // Also where none had gone: the interface may have another MAC address, and the neighbours know the former one.
    announcements.announceRestored();
  }

  function usePorts(now: RouterPorts): void {
    traffic.add(ports.socket.counters());
    ports.close();
    ports = now;
    faults.clear();
  }

  function prepareChange({ config: to, links: there, secrets }: RouterSetting): PreparedRouterChange {
    const link = linkNamed(there, to.interface);
    if (!link.ok) return link;
    const from = keepsSource(source, config, to)
      ? { ok: true as const, address: source }
      : sourceAddress(to, link.link, rtnetlink);
    if (!from.ok) return from;
    const opens = faults.size > 0 || ports.isStale(there) || !samePorts(config, to) || from.address !== source;
    const prepared = opens ? openPorts(there, to, from.address) : undefined;
    if (prepared?.ok === false) return prepared;
    const placed = prepared?.ports.placed ?? placedAgain(ports.placed, to);
    return {
      ok: true,
      withdraw() {
        routes.withdraw(to.routes);
        return addresses.withdraw(placed);
      },
      apply() {
        config = to;
        source = from.address;
        hmac = changedHmac(hmac, to, source, secrets);
        judge = advertisementJudge(to, hmac);
        if (prepared !== undefined) {
          // What waits to be announced may be none of ours any more.
          frames.stop();
          usePorts(prepared.ports);
        }
        ports.socket.changeInterval(to.advertisementIntervalUs);
        advertise = advertiser(to, source, ports.socket, sendFromVirtualMac, hmac);
        announcements.change(to.announce);
        const isMore = addresses.change(to, placed);
        if (isMore || prepared !== undefined) announcements.announceRestored();
        routes.change(to.routes);
      },
      abandon() {
        prepared?.ports.close();
      },
    };
  }

  function socketFailed(error: SystemError): void {
    complaints.warn('vrrp socket', { interface: config.interface }, error.text);
    // raw-socket has closed the socket then.
    if (error.call === 'poll') faults.set('socket', `VRRP on ${config.interface} is dead until the agent is restarted`);
  }

  function hear(received: ReceivedMessage): void {
    const judged = judge(received);
    switch (judged.kind) {
      case 'heard':
        traffic.received += 1;
        warnOfFirstAddress(judged.heard);
        options.onAdvertisement(judged.heard, router);
        return;
      case 'of another router':
        return;
      case 'refused':
        traffic.discard(judged.reason);
        complaints.warn(judged.reason, { interface: config.interface }, judged.text);
    }
  }

  function warnOfFirstAddress({ advertisement, source: from }: HeardAdvertisement): void {
    if (config.family !== 'ipv6' || isLinkLocal(advertisement.addresses)) return;
    const text = `${formatAddress(from)} advertises ${formatAddress(addressAt(advertisement, 0))} first, which is no link-local address (RFC 9568 section 5.2.9); it is heard all the same, other routers may refuse it: put the fe80:: address first there`;
    complaints.warn('first address', { interface: config.interface }, text);
  }

  function announcementFrames(): AnnouncementFrame[] {
    return ports.placed.map(({ bytes, interfaceIndex, virtual }) => ({
      interface: virtual.interface,
      send() {
        // An interface that has come again meanwhile has another index, and what was opened anew is announced anew.
        const announcer = ports.announcers.get(interfaceIndex);
        if (announcer === undefined) return;
        const sent = announce(announcer, config, bytes);
        const where = { address: virtual.address };
        if (!sent.ok) complaints.warn('announce', where, `the address could not be announced: ${sent.text}`);
      },
    }));
  }

  const router: ReconciledRouter = {
    get config() {
      return config;
    },
    get primaryAddress() {
      return source;
    },
    traffic,
    prepareChange,
    discarded: () => traffic.discarded(ports.socket.counters()),
    advertise(priority) {
      traffic.sent += ports.socket.destinations.length;
      advertise(priority);
    },
    addAddresses() {
      addresses.add();
      routes.add();
    },
    removeAddresses() {
      announcements.stop();
      frames.stop();
      routes.remove();
      return addresses.remove();
    },
    announce: () => announcements.announce(),
    carrier: () => carrier,
    linksChanged(there) {
      const had = carrier;
      carrier = there.find(({ name }) => name === config.interface)?.carrier ?? false;
      if (ports.isStale(there)) reopen(there);
      // The kernel drops IPv6 addresses of an interface that is switched off, and a switch port what it had learnt.
      else if (carrier && !had && addresses.isOwner) {
        addresses.restore();
        routes.reconcile();
        announcements.announceRestored();
      }
      routes.linksChanged(there);
    },
    addressCame: (address) => addresses.came(address),
    addressGone(address) {
      if (!addresses.gone(address)) return;
      routes.reconcile();
      announcements.announceRestored();
    },
    reconcile(present) {
      if (addresses.reconcile(present)) announcements.announceRestored();
      routes.reconcile();
    },
    corrections: () => ({
      addressesRestored: addresses.restored,
      addressesRemoved: addresses.removed,
      foreignClaims: announcements.claims,
    }),
    faults: () => [...faults.values(), ...addresses.faults, ...routes.faults, ...[announcements.alarm ?? []].flat()],
    async close() {
      announcements.stop();
      frames.stop();
      ports.close();
    },
  };
  return { ok: true, router };
}

/** The addresses as they lie, as they are described now. */
function placedAgain(placed: RouterPorts['placed'], { addresses }: VirtualRouterConfig): RouterPorts['placed'] {
  return placed.map((place, index) => ({ ...place, virtual: addresses[index] ?? place.virtual }));
}

/** Whether it is bound to the same interfaces, for the same addresses, towards the same others. */
function samePorts(one: VirtualRouterConfig, other: VirtualRouterConfig): boolean {
  const bound = ({ unicast, addresses }: VirtualRouterConfig) => [
    unicast,
    addresses.map(({ address, interface: name }) => [address, name]),
  ];
  return isDeepStrictEqual(bound(one), bound(other));
}

/** What was found at the interface stays the source unless another one is asked for, or it has become a virtual address. */
function keepsSource(source: Uint8Array, before: VirtualRouterConfig, to: VirtualRouterConfig): boolean {
  const text = formatAddress(source);
  return before.sourceAddress === to.sourceAddress && !to.addresses.some(({ address }) => address === text);
}

function changedHmac(
  former: AdvertisementHmac | undefined,
  config: VirtualRouterConfig,
  source: Uint8Array,
  secrets: Pick<Secrets, 'hmacKeys'>,
): AdvertisementHmac | undefined {
  const { authHmac } = config;
  if (former === undefined || authHmac === null) return openHmac(config, source, secrets);
  former.change({ source, config: authHmac, keys: keysOf(authHmac.keyFile, secrets) });
  return former;
}

function announce(announcer: Announcer, config: VirtualRouterConfig, address: Uint8Array): SystemResult<undefined> {
  return config.family === 'ipv4'
    ? announcer.gratuitousArp(address)
    : announcer.unsolicitedNeighbourAdvertisement(address, true);
}

function openHmac(
  config: VirtualRouterConfig,
  source: Uint8Array,
  secrets: Pick<Secrets, 'hmacKeys'>,
): AdvertisementHmac | undefined {
  const { authHmac, family } = config;
  if (authHmac === null) return undefined;
  return new AdvertisementHmac({ family, source, config: authHmac, keys: keysOf(authHmac.keyFile, secrets) });
}

function keysOf(file: string, { hmacKeys }: Pick<Secrets, 'hmacKeys'>): readonly [HmacKey, ...HmacKey[]] {
  const keys = hmacKeys.get(file);
  if (keys === undefined) throw new Error(`${file} was not loaded`);
  return keys;
}
