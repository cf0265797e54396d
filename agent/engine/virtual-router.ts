import {
  type Advertisement,
  addressAt,
  advertisementV2,
  advertisementV3,
  announcedIntervalCs,
  announcedIntervalS,
  encodeAdvertisement,
  formatAddress,
  isLinkLocal,
  RELEASE_PRIORITY,
} from '@tiebreak/shared/vrrp';
import type { Secrets, VirtualRouterConfig } from '../config/index.ts';
import type {
  Announcer,
  InterfaceAddress,
  Link,
  ReceivedMessage,
  Rtnetlink,
  SystemError,
  SystemResult,
  VrrpPacket,
  VrrpSocket,
} from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { type DiscardedAdvertisement, RouterTraffic } from '../metrics/counters/index.ts';
import { bytesOf } from './address-bytes.ts';
import { AdvertisementHmac } from './advertisement-hmac.ts';
import { type AnnouncementFrame, AnnouncementFrames } from './announcement-frames.ts';
import { Announcements } from './announcements.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import type { FramePacer } from './frame-pacer.ts';
import { advertisementJudge, type HeardAdvertisement } from './heard-advertisement.ts';
import { KeptAddresses } from './kept-addresses.ts';
import { KeptRoutes } from './kept-routes.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import { linkNamed, openRouterPorts } from './router-ports.ts';
import { passwordBytes, SIMPLE_TEXT_PASSWORD } from './simple-password.ts';

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
  /** What has been put right since the start. */
  corrections(): Corrections;
  /** Whoever finds an advertisement wanting later on counts it here. */
  readonly traffic: RouterTraffic;
  /** All that was not taken for an advertisement of this virtual router, by reason, since the start. */
  discarded(): ReadonlyMap<DiscardedAdvertisement, number>;
}

export type Corrections = {
  readonly addressesRestored: number;
  readonly addressesRemoved: number;
  readonly foreignClaims: number;
};

export type OpenedVirtualRouter =
  | { readonly ok: true; readonly router: ReconciledRouter }
  | { readonly ok: false; readonly error: string };

export function openVirtualRouter(options: {
  config: VirtualRouterConfig;
  links: readonly Link[];
  rtnetlink: Rtnetlink;
  log: Logger;
  /** Of all virtual routers of this host. */
  pacer: FramePacer;
  /** For `auth_hmac`. */
  secrets: Pick<Secrets, 'hmacKeys'>;
  onAdvertisement: (heard: HeardAdvertisement) => void;
}): OpenedVirtualRouter {
  const { config, links, rtnetlink, log } = options;
  const link = linkNamed(links, config.interface);
  if (!link.ok) return link;
  const found = sourceAddress(config, link.link, rtnetlink);
  if (!found.ok) return found;
  const source = found.address;
  const complaints = new RateLimitedLog(log);
  const faults = new Map<string, string>();
  const traffic = new RouterTraffic();
  let { carrier } = link.link;
  if (!carrier) {
    const text = `interface ${config.interface} is down or has no carrier: the virtual router is neither heard nor of use there until it is up`;
    log.warn({ interface: config.interface, up: link.link.up }, text);
  }
  const { announce: plan } = config;
  const frames = new AnnouncementFrames({
    pacer: options.pacer,
    spacingUs: plan.spacingUs,
    frames: () => announcementFrames(),
  });
  const announceNow = (copies: number): void => frames.announce(copies);
  const announcements = new Announcements({ announceNow, plan, clock: SYSTEM_CLOCK, complaints });
  const opened = openPorts(links);
  if (!opened.ok) return opened;
  let { ports } = opened;
  const sendFromVirtualMac: SendAdvertisement = (packet) => {
    const [own] = ports.announcers.values();
    const sent = own?.advertisement({ source, ...packet });
    if (sent?.ok === false) complaints.warn('advertise', { interface: config.interface }, sent.text);
  };
  const hmac = openHmac(config, source, options.secrets);
  let advertise = advertiser(config, source, ports.socket, sendFromVirtualMac, hmac);
  const judge = advertisementJudge(config, hmac);
  const addresses = new KeptAddresses({ config, placed: ports.placed, rtnetlink, complaints });
  const routes = new KeptRoutes({ routes: config.routes, links, rtnetlink, complaints });

  function openPorts(there: readonly Link[]) {
    const found = openRouterPorts({
      config,
      links: there,
      source,
      onMessage: (received) => hear(received),
      onSocketError: (error) => socketFailed(error),
      onClaim: (claim) => announcements.claimedBy(claim),
    });
    if (found.ok && config.family === 'ipv4') {
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

  /** What was bound to an interface that is no more is of no use; what has come in its place has none of our addresses. */
  function reopen(there: readonly Link[]): void {
    const again = openPorts(there);
    if (!again.ok) {
      const text = `waits for its interface: ${again.error}`;
      faults.set('ports', text);
      complaints.error('ports', { interface: config.interface }, `virtual router ${config.virtualRouterId} ${text}`);
      return;
    }
    traffic.add(ports.socket.counters());
    ports.close();
    ({ ports } = again);
    advertise = advertiser(config, source, ports.socket, sendFromVirtualMac, hmac);
    faults.clear();
    log.warn(
      { interface: config.interface },
      `interface ${config.interface} has come again: its sockets are open again`,
    );
    if (addresses.moveTo(ports.placed)) announcements.announceRestored();
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
        options.onAdvertisement(judged.heard);
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

  return {
    ok: true,
    router: {
      config,
      primaryAddress: source,
      traffic,
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
    },
  };
}

function announce(announcer: Announcer, config: VirtualRouterConfig, address: Uint8Array): SystemResult<undefined> {
  return config.family === 'ipv4'
    ? announcer.gratuitousArp(address)
    : announcer.unsolicitedNeighbourAdvertisement(address, true);
}

type SendAdvertisement = (packet: { destination: Uint8Array; message: Uint8Array }) => void;

/**
 * What a router says with one priority, the release included, is encoded once for each destination. With a
 * virtual MAC the first is multicast from there (RFC 9568 section 7.3); the release never is, or the switch would learn the MAC
 * at the port that it has just left. Unicast goes from the parent: the kernel would ask for a peer from the virtual MAC, in the
 * name of this host's own address.
 */
function advertiser(
  config: VirtualRouterConfig,
  source: Uint8Array,
  socket: VrrpSocket,
  sendFromVirtualMac: SendAdvertisement,
  hmac: AdvertisementHmac | undefined,
): (priority: number) => void {
  const messages = new Map<number, readonly { destination: Uint8Array; message: Uint8Array }[]>();
  function encoded(priority: number): readonly { destination: Uint8Array; message: Uint8Array }[] {
    const known = messages.get(priority);
    if (known !== undefined) return known;
    const advertisement = advertisementOf(config, priority);
    const made = socket.destinations.map((destination) => ({
      destination,
      message: encodeAdvertisement(advertisement, { source, destination, checksumForm: config.checksum }),
    }));
    messages.set(priority, made);
    return made;
  }
  const packets = new Map<number, readonly VrrpPacket[]>();
  function packetsOf(priority: number): readonly VrrpPacket[] {
    const known = packets.get(priority);
    if (known !== undefined) return known;
    const made = encoded(priority).map(({ message, destination }) => socket.packet(message, destination));
    packets.set(priority, made);
    return made;
  }
  return (priority) => {
    if (config.virtualMac && config.unicast === null && priority !== RELEASE_PRIORITY) {
      for (const packet of hmac?.signed(encoded(priority)) ?? encoded(priority)) sendFromVirtualMac(packet);
    } else if (hmac === undefined) {
      for (const packet of packetsOf(priority)) socket.send(packet);
    } else {
      for (const { message, destination } of hmac.signed(encoded(priority))) {
        socket.send(socket.packet(message, destination));
      }
    }
  };
}

function advertisementOf(config: VirtualRouterConfig, priority: number): Advertisement {
  const { virtualRouterId, advertisementIntervalUs, authPass, family } = config;
  const addresses = config.addresses.filter(({ advertised }) => advertised).map(({ address }) => bytesOf(address));
  if (config.version === 2) {
    return advertisementV2({
      virtualRouterId,
      priority,
      intervalS: announcedIntervalS(advertisementIntervalUs),
      addresses,
      ...(authPass === null ? {} : { authType: SIMPLE_TEXT_PASSWORD, authData: passwordBytes(authPass) }),
    });
  }
  const intervalCs = announcedIntervalCs(advertisementIntervalUs);
  return advertisementV3({ family, virtualRouterId, priority, intervalCs, addresses });
}

function openHmac(
  config: VirtualRouterConfig,
  source: Uint8Array,
  { hmacKeys }: Pick<Secrets, 'hmacKeys'>,
): AdvertisementHmac | undefined {
  const { authHmac, family } = config;
  if (authHmac === null) return undefined;
  const keys = hmacKeys.get(authHmac.keyFile);
  if (keys === undefined) throw new Error(`${authHmac.keyFile} was not loaded`);
  return new AdvertisementHmac({ family, source, config: authHmac, keys });
}

type FoundSource = { readonly ok: true; readonly address: Uint8Array } | { readonly ok: false; readonly error: string };

function sourceAddress(config: VirtualRouterConfig, link: Link, rtnetlink: Rtnetlink): FoundSource {
  if (config.sourceAddress !== null) return { ok: true, address: bytesOf(config.sourceAddress) };
  const addresses = rtnetlink.addresses(link.index);
  if (!addresses.ok) return { ok: false, error: `the addresses of ${link.name} cannot be read: ${addresses.text}` };
  const virtual = new Set(config.addresses.map(({ address }) => bytesOf(address).join('.')));
  const usable = addresses.value.find(
    (found) =>
      found.family === config.family &&
      !virtual.has(found.address.join('.')) &&
      // VRRP for IPv6 speaks from the link-local address (RFC 9568 section 5.1.2.1).
      (config.family === 'ipv4' || (found.address[0] === 0xfe && found.address[1] === 0x80)),
  );
  if (usable !== undefined) return { ok: true, address: usable.address };
  return {
    ok: false,
    error: `interface ${link.name} has no ${config.family} address of its own to send from; give it one, or set source_address`,
  };
}
