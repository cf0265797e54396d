import type { VirtualRouterConfig } from '../config/index.ts';
import {
  type AddressClaim,
  type Announcer,
  type EventLoopSocket,
  type Link,
  openAnnouncer,
  openClaimListener,
  openVrrpSocket,
  type ReceivedMessage,
  type SystemError,
  type VrrpSocket,
} from '../kernel/index.ts';
import { bytesOf } from './address-bytes.ts';
import type { PlacedAddress } from './kept-addresses.ts';

/** Everything of a virtual router that is bound to the interfaces as they were when it was opened. */
export interface RouterPorts {
  readonly placed: readonly PlacedAddress[];
  readonly announcers: ReadonlyMap<number, Announcer>;
  readonly socket: VrrpSocket;
  /** Whether an interface has meanwhile come again as another one, or has another MAC address. */
  isStale(links: readonly Link[]): boolean;
  close(): void;
}

export type OpenedRouterPorts =
  | { readonly ok: true; readonly ports: RouterPorts }
  | { readonly ok: false; readonly error: string };

export function openRouterPorts(options: {
  config: VirtualRouterConfig;
  links: readonly Link[];
  source: Uint8Array;
  onMessage: (received: ReceivedMessage) => void;
  onSocketError: (error: SystemError) => void;
  onClaim: (claim: AddressClaim) => void;
}): OpenedRouterPorts {
  const { config, links, source, onMessage, onSocketError, onClaim } = options;
  const { family, unicast } = config;
  const link = linkNamed(links, config.interface);
  if (!link.ok) return link;
  const placed: PlacedAddress[] = [];
  const homes = new Map<number, Link>();
  for (const virtual of config.addresses) {
    const home = linkNamed(links, virtual.interface);
    if (!home.ok) return home;
    homes.set(home.link.index, home.link);
    placed.push({ virtual, bytes: bytesOf(virtual.address), interfaceIndex: home.link.index });
  }

  const announcers = new Map<number, Announcer>();
  const listeners: EventLoopSocket[] = [];
  const closeHomes = () => {
    for (const port of [...announcers.values(), ...listeners]) port.close();
  };
  const refuse = (name: string, { text }: SystemError): OpenedRouterPorts => {
    closeHomes();
    return { ok: false, error: `interface ${name}: ${text}` };
  };
  for (const { index: interfaceIndex, mac: ownMac, name } of homes.values()) {
    const announcer = openAnnouncer({ interfaceIndex, mac: ownMac });
    if (!announcer.ok) return refuse(name, announcer);
    announcers.set(interfaceIndex, announcer.value);
    const addresses = placed.filter((place) => place.interfaceIndex === interfaceIndex).map(({ bytes }) => bytes);
    const listener = openClaimListener({ interfaceIndex, family, addresses, ownMac, onClaim });
    if (!listener.ok) return refuse(name, listener);
    listeners.push(listener.value);
  }
  const socket = openVrrpSocket({
    interface: config.interface,
    interfaceIndex: link.link.index,
    family,
    virtualRouterId: config.virtualRouterId,
    intervalUs: config.advertisementIntervalUs,
    source,
    mode: unicast === null ? { kind: 'multicast' } : { kind: 'unicast', peers: unicast.map(bytesOf) },
    onMessage,
    onError: onSocketError,
  });
  if (!socket.ok) return refuse(config.interface, socket);

  const boundTo = [link.link, ...homes.values()];
  return {
    ok: true,
    ports: {
      placed,
      announcers,
      socket: socket.value,
      isStale: (now) =>
        boundTo.some(({ name, index, mac }) => {
          const same = now.find((candidate) => candidate.name === name);
          return same === undefined || same.index !== index || same.mac.join(':') !== mac.join(':');
        }),
      close() {
        closeHomes();
        socket.value.close();
      },
    },
  };
}

export type FoundLink = { readonly ok: true; readonly link: Link } | { readonly ok: false; readonly error: string };

export function linkNamed(links: readonly Link[], name: string): FoundLink {
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return { ok: true, link };
  const there = links.filter(({ loopback }) => !loopback).map((candidate) => candidate.name);
  return { ok: false, error: `there is no interface ${name}; this host has ${there.join(', ') || 'none but lo'}` };
}
