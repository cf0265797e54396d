import {
  type Advertisement,
  advertisementV2,
  advertisementV3,
  announcedIntervalCs,
  announcedIntervalS,
  decodeAdvertisement,
  encodeAdvertisement,
  isLinkLocal,
  parseAddress,
  RELEASE_PRIORITY,
} from '@tiebreak/shared/vrrp';
import type { VirtualAddress, VirtualRouterConfig } from '../config/index.ts';
import {
  type Announcer,
  type Link,
  openAnnouncer,
  openVrrpSocket,
  type ReceivedMessage,
  type Rtnetlink,
  type SystemResult,
  type VrrpSocket,
} from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { RateLimitedLog } from './rate-limited-log.ts';

export type HeardAdvertisement = { readonly advertisement: Advertisement; readonly source: Uint8Array };

/** One virtual router's hands and ears: its VRRP socket, its addresses in the kernel, its announcements. */
export interface VirtualRouter {
  readonly config: VirtualRouterConfig;
  /** The source of our advertisements. */
  readonly primaryAddress: Uint8Array;
  advertise(priority: number): void;
  addAddresses(): void;
  /** Whether they are gone for certain. */
  removeAddresses(): boolean;
  /** Gratuitous ARP or an unsolicited neighbour advertisement for each address. */
  announce(): void;
  /** What is not as it should be in the kernel, for a person; empty: all is well. */
  faults(): string[];
  close(): Promise<void>;
}

export type OpenedVirtualRouter =
  | { readonly ok: true; readonly router: VirtualRouter }
  | { readonly ok: false; readonly error: string };

/** The kernel's part of a virtual address: where it is put. */
type PlacedAddress = { readonly virtual: VirtualAddress; readonly bytes: Uint8Array; readonly interfaceIndex: number };

export function openVirtualRouter(options: {
  config: VirtualRouterConfig;
  links: readonly Link[];
  rtnetlink: Rtnetlink;
  log: Logger;
  onAdvertisement: (heard: HeardAdvertisement) => void;
}): OpenedVirtualRouter {
  const { config, links, rtnetlink, log } = options;
  const link = linkNamed(links, config.interface);
  if (!link.ok) return link;
  const source = sourceAddress(config, link.link, rtnetlink);
  if (!source.ok) return source;
  const placed: PlacedAddress[] = [];
  const announcers = new Map<number, Announcer>();
  for (const virtual of config.addresses) {
    const home = linkNamed(links, virtual.interface);
    if (!home.ok) return home;
    placed.push({ virtual, bytes: bytesOf(virtual.address), interfaceIndex: home.link.index });
    if (announcers.has(home.link.index)) continue;
    const announcer = openAnnouncer({ interfaceIndex: home.link.index, mac: home.link.mac });
    if (!announcer.ok) return { ok: false, error: `interface ${virtual.interface}: ${announcer.text}` };
    announcers.set(home.link.index, announcer.value);
  }
  if (!link.link.carrier) {
    const text = `interface ${config.interface} is down or has no carrier: the virtual router is neither heard nor of use there until it is up`;
    log.warn({ interface: config.interface, up: link.link.up }, text);
  }
  const complaints = new RateLimitedLog(log);
  const faults = new Map<string, string>();
  const added = new Set<PlacedAddress>();
  const socket = openVrrpSocket({
    interface: config.interface,
    interfaceIndex: link.link.index,
    family: config.family,
    source: source.address,
    mode: config.unicast === null ? { kind: 'multicast' } : { kind: 'unicast', peers: config.unicast.map(bytesOf) },
    onMessage: (received) => hear(received),
    onError: (error) => {
      complaints.warn('vrrp socket', { interface: config.interface }, error.text);
      // raw-socket has closed the socket then.
      if (error.call === 'poll')
        faults.set('socket', `VRRP on ${config.interface} is dead until the agent is restarted`);
    },
  });
  if (!socket.ok) return { ok: false, error: `VRRP on interface ${config.interface}: ${socket.text}` };

  function hear(received: ReceivedMessage): void {
    const decoded = decodeAdvertisement(received.message, { family: config.family, ...received });
    if (!decoded.ok) {
      complaints.warn(decoded.reason, { interface: config.interface }, `refused a VRRP packet: ${decoded.reason}`);
      return;
    }
    if (decoded.advertisement.virtualRouterId !== config.virtualRouterId) return;
    if (decoded.advertisement.version !== config.version) {
      const text = `refused an advertisement of version ${decoded.advertisement.version}; version ${config.version} is configured here`;
      complaints.warn('version', { interface: config.interface }, text);
      return;
    }
    options.onAdvertisement({ advertisement: decoded.advertisement, source: received.source });
  }

  function note({ address }: VirtualAddress, failure: string, outcome: SystemResult<unknown>): void {
    if (outcome.ok) {
      faults.delete(address);
      return;
    }
    const text = `${address} ${failure}: ${outcome.text}`;
    faults.set(address, text);
    log.error({ address, interface: config.interface }, text);
  }

  return {
    ok: true,
    router: {
      config,
      primaryAddress: source.address,
      advertise: advertiser(config, source.address, socket.value, (packet) => {
        const [own] = config.virtualMac ? announcers.values() : [];
        const sent = own?.advertisement({ source: source.address, ...packet });
        if (sent?.ok === false) complaints.warn('advertise', { interface: config.interface }, sent.text);
      }),
      addAddresses() {
        for (const place of placed) {
          const { virtual, bytes, interfaceIndex } = place;
          const outcome = rtnetlink.addAddress({ ...specification(virtual, bytes, config), interfaceIndex });
          if (outcome.ok && outcome.value === 'done') added.add(place);
          note(virtual, 'could not be added', outcome);
        }
      },
      removeAddresses() {
        let gone = true;
        // Only what was added here: with priority 255 the address may be the host's own.
        for (const place of added) {
          const { virtual, bytes, interfaceIndex } = place;
          const removed = rtnetlink.removeAddress({ ...specification(virtual, bytes, config), interfaceIndex });
          note(virtual, 'could not be removed', removed);
          gone &&= removed.ok;
          if (removed.ok) added.delete(place);
        }
        return gone;
      },
      announce() {
        for (const { bytes, interfaceIndex, virtual } of placed) {
          const announcer = announcers.get(interfaceIndex);
          if (announcer === undefined) continue;
          const sent = announce(announcer, config, bytes);
          if (!sent.ok) log.warn({ address: virtual.address }, `the address could not be announced: ${sent.text}`);
        }
      },
      faults: () => [...faults.values()],
      async close() {
        for (const announcer of announcers.values()) announcer.close();
        await socket.value.close();
      },
    },
  };
}

function announce(announcer: Announcer, config: VirtualRouterConfig, address: Uint8Array): SystemResult<undefined> {
  return config.family === 'ipv4'
    ? announcer.gratuitousArp(address)
    : announcer.unsolicitedNeighbourAdvertisement(address, true);
}

/**
 * The two messages that a router ever sends, its priority and the release, are encoded once for each destination. With a
 * virtual MAC the first is multicast from there (RFC 9568 section 7.3); the release never is, or the switch would learn the MAC
 * at the port that it has just left. Unicast goes from the parent: the kernel would ask for a peer from the virtual MAC, in the
 * name of this host's own address.
 */
function advertiser(
  config: VirtualRouterConfig,
  source: Uint8Array,
  socket: VrrpSocket,
  sendFromVirtualMac: (packet: { destination: Uint8Array; message: Uint8Array }) => void,
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
  return (priority) => {
    const fromVirtualMac = config.virtualMac && config.unicast === null && priority !== RELEASE_PRIORITY;
    for (const packet of encoded(priority)) {
      if (fromVirtualMac) sendFromVirtualMac(packet);
      else socket.send(packet.message, packet.destination);
    }
  };
}

function advertisementOf(config: VirtualRouterConfig, priority: number): Advertisement {
  const { virtualRouterId, advertisementIntervalUs, family } = config;
  const addresses = config.addresses.filter(({ advertised }) => advertised).map(({ address }) => bytesOf(address));
  if (config.version === 2) {
    return advertisementV2({
      virtualRouterId,
      priority,
      intervalS: announcedIntervalS(advertisementIntervalUs),
      addresses,
    });
  }
  const intervalCs = announcedIntervalCs(advertisementIntervalUs);
  return advertisementV3({ family, virtualRouterId, priority, intervalCs, addresses });
}

function specification(virtual: VirtualAddress, address: Uint8Array, config: VirtualRouterConfig) {
  const label = virtual.label ?? undefined;
  // The host's own traffic goes on to leave by the parent. A link-local network is each interface's own.
  const noPrefixRoute = config.virtualMac && !isLinkLocal(address);
  return { family: config.family, address, prefixLength: virtual.prefixLength, label, noPrefixRoute };
}

type FoundLink = { readonly ok: true; readonly link: Link } | { readonly ok: false; readonly error: string };

function linkNamed(links: readonly Link[], name: string): FoundLink {
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return { ok: true, link };
  const there = links.filter(({ loopback }) => !loopback).map((candidate) => candidate.name);
  return { ok: false, error: `there is no interface ${name}; this host has ${there.join(', ') || 'none but lo'}` };
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

/** The configuration has checked every address before. */
export function bytesOf(address: string): Uint8Array {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new Error(`'${address}' passed the configuration's check and is no address`);
  return bytes;
}
