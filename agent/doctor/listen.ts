import { setTimeout as sleep } from 'node:timers/promises';
import { type Advertisement, decodeAdvertisement, formatAddress, parseAddress } from '@tiebreak/shared/vrrp';
import type { AddressFamily, Config, VirtualRouterConfig } from '../config/index.ts';
import {
  type AddressClaim,
  type EventLoopSocket,
  type OverheardMessage,
  openAdvertisementListener,
  openClaimListener,
} from '../kernel/index.ts';
import { valueOrThrow } from './examination.ts';
import { formatMac, type HostInterface } from './host.ts';

/** Other vendors' default interval is a second: three of those, and a little. */
const LEAST_MS = 3_100;
/** Version 2 may advertise every four minutes. */
const MOST_MS = 15_000;
const INTERVALS = 3.2;
/** More different ones say nothing new. */
const KINDS_MAX = 500;

/** An advertisement that was overheard, once for each sender and content. */
export type Heard = {
  readonly interface: string;
  readonly family: AddressFamily;
  readonly source: string;
  readonly sourceMac: string;
  readonly virtualRouterId: number;
  readonly hopLimit: number;
  readonly advertisement: Advertisement | undefined;
  /** Why it is refused; undefined: it is not. */
  readonly refused: string | undefined;
};

/** Somebody said by ARP or neighbour discovery that a virtual address lives at this MAC address. */
export type HeardClaim = { readonly interface: string; readonly address: string; readonly mac: string };

export type Overheard = {
  readonly advertisements: readonly Heard[];
  readonly claims: readonly HeardClaim[];
};

/** Three advertisement intervals of the slowest virtual router, within reason. In ms. */
export function listeningMs({ groups }: Config): number {
  const routers = groups.flatMap(({ virtualRouters }) => virtualRouters);
  const slowestMs = Math.max(...routers.map(({ advertisementIntervalUs }) => advertisementIntervalUs / 1000));
  return Math.min(MOST_MS, Math.max(LEAST_MS, Math.ceil(INTERVALS * slowestMs)));
}

/** Listens on every interface that has a virtual router. Throws what a socket says, such as EPERM without CAP_NET_RAW. */
export async function listen(
  config: Config,
  interfaces: readonly HostInterface[],
  durationMs: number,
): Promise<Overheard> {
  const advertisements = new Map<string, Heard>();
  const claims = new Map<string, HeardClaim>();
  const sockets: EventLoopSocket[] = [];
  try {
    for (const { link, family, routers } of placesIn(config, interfaces)) {
      const note = (message: OverheardMessage): void => {
        const heard = read(message, link.name, family);
        if (advertisements.size < KINDS_MAX) advertisements.set(JSON.stringify(keyOf(heard)), heard);
      };
      sockets.push(
        valueOrThrow(openAdvertisementListener({ interfaceIndex: link.index, family, onMessage: note })),
        ...listenForClaims(link, family, routers, (claim) => {
          const heard = { interface: link.name, address: formatAddress(claim.address), mac: formatMac(claim.mac) };
          if (claims.size < KINDS_MAX) claims.set(JSON.stringify(heard), heard);
        }),
      );
    }
    await sleep(durationMs);
  } finally {
    for (const socket of sockets) socket.close();
  }
  return { advertisements: [...advertisements.values()], claims: [...claims.values()] };
}

type Place = {
  readonly link: HostInterface;
  readonly family: AddressFamily;
  readonly routers: readonly VirtualRouterConfig[];
};

/** What is missing or down is told elsewhere. */
function placesIn({ groups }: Config, interfaces: readonly HostInterface[]): Place[] {
  const routers = groups.flatMap(({ virtualRouters }) => virtualRouters);
  return interfaces
    .filter(({ up, mac }) => up && mac.length > 0)
    .flatMap((link) =>
      (['ipv4', 'ipv6'] as const).map((family) => {
        const here = routers.filter((router) => router.interface === link.name && router.family === family);
        return { link, family, routers: here };
      }),
    )
    .filter((place) => place.routers.length > 0);
}

function listenForClaims(
  link: HostInterface,
  family: AddressFamily,
  routers: readonly VirtualRouterConfig[],
  onClaim: (claim: AddressClaim) => void,
): EventLoopSocket[] {
  const addresses = routers.flatMap((router) => router.addresses.flatMap(({ address }) => parseAddress(address) ?? []));
  const ownMac = Uint8Array.from(link.mac.split(':'), (byte) => Number.parseInt(byte, 16));
  return [valueOrThrow(openClaimListener({ interfaceIndex: link.index, family, addresses, ownMac, onClaim }))];
}

function read(overheard: OverheardMessage, name: string, family: AddressFamily): Heard {
  const { source, destination, hopLimit, message, sourceMac } = overheard;
  // How far it may have come is for the virtual router's configuration to say.
  const decoded = decodeAdvertisement(message, { family, source, destination, hopLimit: undefined });
  return {
    interface: name,
    family,
    source: formatAddress(source),
    sourceMac: formatMac(sourceMac),
    virtualRouterId: message[1] ?? 0,
    hopLimit,
    advertisement: decoded.ok ? decoded.advertisement : undefined,
    refused: decoded.ok ? undefined : decoded.reason,
  };
}

/** All but the priority, which changes with checks. */
function keyOf({ advertisement, ...rest }: Heard): unknown {
  if (advertisement === undefined) return rest;
  const { priority: _, addresses, ...said } = advertisement;
  return { ...rest, ...said, addresses: formatMac(addresses) };
}
