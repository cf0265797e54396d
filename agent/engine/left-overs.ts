/** What an earlier run of an agent has left in the kernel. */
import { formatAddress } from '@tiebreak/shared/vrrp';
import type { GroupConfig } from '../config/index.ts';
import type { FenceOptions } from '../kernel/fence/index.ts';
import type { InterfaceAddress, Link, Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { bytesOf } from './address-bytes.ts';
import { StartFailure, valueOrFail } from './start-failure.ts';

/** Takes away the virtual addresses of `groups` that an earlier run has left behind; the kernel knows who added them. */
export function clearLeftOvers(
  groups: readonly GroupConfig[],
  links: readonly Link[],
  { rtnetlink, log }: { rtnetlink: Rtnetlink; log: Logger },
): void {
  const places = placesOf(groups, links);
  for (const left of valueOrFail(rtnetlink.addresses(), 'reading the addresses')) {
    const there = places.filter((place) => isThere(left, place));
    if (!left.ours || there.length === 0 || there.some(({ isHosts }) => isHosts)) continue;
    const address = formatAddress(left.address);
    const name = links.find(({ index }) => index === left.interfaceIndex)?.name ?? `interface ${left.interfaceIndex}`;
    valueOrFail(rtnetlink.removeAddress({ ...left, label: undefined }), `clearing left-overs on ${name}`);
    log.warn({ address, interface: name }, `removed ${address}, left by an earlier run`);
  }
}

/**
 * After `clearLeftOvers`. Throws StartFailure for an address that somebody else has put there, which may be the only one that
 * this host can be reached by.
 */
export function requireNobodysAddresses(
  groups: readonly GroupConfig[],
  links: readonly Link[],
  rtnetlink: Rtnetlink,
): void {
  const present = valueOrFail(rtnetlink.addresses(), 'reading the addresses');
  for (const place of placesOf(groups, links)) {
    if (!place.isHosts && present.some((found) => isThere(found, place))) throw new StartFailure(notOurs(place));
  }
}

/** Whether this fence holds back an address that is there, put there by an agent: without the fence it would answer. */
export function silences({ groups }: FenceOptions, present: readonly InterfaceAddress[]): boolean {
  const held = new Set(
    groups
      .flatMap(({ addresses, withdrawn }) => [...addresses, ...(withdrawn?.addresses ?? [])])
      .map((address) => bytesOf(address).join('.')),
  );
  return present.some(({ ours, address }) => ours && held.has(address.join('.')));
}

/** Where a virtual address is put. */
type Place = {
  readonly group: string;
  readonly address: string;
  readonly prefixLength: number;
  readonly interface: string;
  readonly interfaceIndex: number | undefined;
  readonly bytes: Uint8Array;
  /** With priority 255 plain VRRP serves an address that is the host's own (RFC 9568 section 6.1). */
  readonly isHosts: boolean;
};

function placesOf(groups: readonly GroupConfig[], links: readonly Link[]): Place[] {
  return groups.flatMap(({ name: group, mode, virtualRouters }) =>
    virtualRouters.flatMap(({ addresses, priority, virtualMac, interface: own }) =>
      addresses.map(({ address, prefixLength, interface: home }) => {
        // A macvlan goes with its addresses; what lies on its parent is from before `virtual_mac`, or somebody else's.
        const name = virtualMac ? own : home;
        const interfaceIndex = links.find((link) => link.name === name)?.index;
        const isHosts = mode === 'vrrp' && priority === 255;
        return { group, address, prefixLength, interface: name, interfaceIndex, bytes: bytesOf(address), isHosts };
      }),
    ),
  );
}

function isThere(found: InterfaceAddress, { interfaceIndex, bytes }: Place): boolean {
  return found.interfaceIndex === interfaceIndex && found.address.join('.') === bytes.join('.');
}

function notOurs({ group, address, prefixLength, interface: name }: Place): string {
  return `group ${group}: ${address} is on ${name} already, and tiebreak has not put it there. A virtual address must be nobody's own: change addresses in the configuration, or, if another program left it behind, type: ip address del ${address}/${prefixLength} dev ${name}`;
}

/**
 * Takes away every route that bears our mark, also of a configuration that is no more. Without a fence another agent may be
 * running here: two cannot have one.
 */
export function clearLeftOverRoutes(rtnetlink: Rtnetlink, log: Logger): void {
  for (const route of valueOrFail(rtnetlink.ourRoutes(), 'reading the routes')) {
    const to = `${formatAddress(route.to)}/${route.prefixLength}`;
    valueOrFail(rtnetlink.removeRoute(route), `clearing the left-over route to ${to}`);
    log.warn({ route: to }, `removed the route to ${to}, left by an earlier run`);
  }
}
