import { type AddressFamily, virtualRouterMac } from '@tiebreak/shared/vrrp';
import { addressesOf, allOf, type FencedGroup, type FencedRouter, hexadecimal, type RulesetConfig } from './config.ts';
import { chain, collection, label } from './nft-text.ts';

/*
 * What packets carry that only an owner may answer for or send. Each is a key of a map that leads to its group's chain, and
 * that drops unless the group is open. So a lease is one element of `alive`, however much hangs on it, and the kernel
 * extends it whole or not at all.
 */

/** The type of the numbers of groups in a lease packet, and of the keys of `alive`: 16 bits of the UDP payload. */
export const GROUP = '@th,224,16';

/**
 * How a table knows IPv6 addresses: `inet` by the header's fields, `netdev` by the target of a neighbour solicitation or
 * advertisement, for which nft 1.0.6 has no name: the 128 bits after the first eight bytes of ICMPv6 (RFC 4861
 * sections 4.3 and 4.4).
 */
export type Ipv6Keys = 'header' | 'target';

export const TARGET = '@th,64,128';

/** What a table does besides taking lease packets. */
export interface TableDuties {
  /** It holds back VRRP advertisements. */
  readonly advertisements: boolean;
  readonly ipv6Keys: Ipv6Keys;
  /** It holds back frames to and from virtual MAC addresses. */
  readonly virtualMacs: boolean;
}

type Leased = Pick<FencedGroup, 'addresses' | 'virtualRouters'>;

/** The map of the virtual routers that advertise on an interface. Its keys are VRIDs. */
export function advertisingMap(interfaceName: string, family: AddressFamily): string {
  return `advertising${family === 'ipv4' ? 4 : 6}_${label(interfaceName)}`;
}

/** The map of the virtual MAC addresses that are used on an interface. */
export function virtualMacMap(interfaceName: string): string {
  return `mac_${label(interfaceName)}`;
}

/**
 * The sets `vip4` and `vip6` of every address that is held back, the maps of all that hangs on leases (`lease4` and `lease6`
 * for addresses), and the chains to which these lead.
 */
export function leasedKeys({ groups }: RulesetConfig, duties: TableDuties): string[] {
  return [
    ...addressKeys(groups, duties.ipv6Keys),
    ...(duties.advertisements ? advertisingMaps(groups) : []),
    ...(duties.virtualMacs ? virtualMacMaps(groups) : []),
    ...groups.flatMap((group) => chain(openChain(group), [`${isOpen(group)} return`, 'drop'])),
  ];
}

/**
 * Matches while a group is open. nft looks up what is in the packet, not a constant; so 16 bits that every packet has
 * are masked away, and the group's number put in their place.
 */
export function isOpen({ id }: Pick<FencedGroup, 'id'>): string {
  return `@nh,0,16 & 0 | ${id} @alive`;
}

/** Every address of one family that is held back. */
export function virtualAddresses(groups: readonly FencedGroup[], family: AddressFamily): string[] {
  return addressesOf(
    groups.flatMap((group) => allOf(group).addresses),
    family,
  );
}

function addressKeys(groups: readonly FencedGroup[], ipv6Keys: Ipv6Keys): string[] {
  const ofHeader = ipv6Keys === 'header';
  const ipv6Type = ofHeader ? 'type ipv6_addr' : `typeof ${TARGET}`;
  const ipv6Key = (address: string) => (ofHeader ? address : hexadecimal(address));
  const ipv6Addresses = ({ addresses }: Leased) => addressesOf(addresses, 'ipv6').map(ipv6Key);
  return [
    collection('set', 'vip4', 'type ipv4_addr', virtualAddresses(groups, 'ipv4')),
    collection('set', 'vip6', ipv6Type, virtualAddresses(groups, 'ipv6').map(ipv6Key)),
    leaseMap('lease4', 'type ipv4_addr', groups, ({ addresses }) => addressesOf(addresses, 'ipv4')),
    leaseMap('lease6', ipv6Type, groups, ipv6Addresses),
  ];
}

function advertisingMaps(groups: readonly FencedGroup[]): string[] {
  const nameOf = (router: FencedRouter) => advertisingMap(router.interface, router.family);
  return [...new Set(allRouters(groups).map(nameOf))].map((name) =>
    leaseMap(name, 'typeof @th,8,8', groups, ({ virtualRouters }) =>
      virtualRouters.filter((router) => nameOf(router) === name).map(({ virtualRouterId }) => String(virtualRouterId)),
    ),
  );
}

function virtualMacMaps(groups: readonly FencedGroup[]): string[] {
  const withMac = ({ virtualRouters }: Leased) => virtualRouters.filter((router) => router.virtualMac);
  const interfaces = new Set(groups.flatMap((group) => withMac(allOf(group))).map((router) => router.interface));
  return [...interfaces].map((name) =>
    leaseMap(virtualMacMap(name), 'type ether_addr', groups, (leased) =>
      withMac(leased)
        .filter((router) => router.interface === name)
        .map(virtualMac),
    ),
  );
}

function allRouters(groups: readonly FencedGroup[]): FencedRouter[] {
  return groups.flatMap((group) => [...allOf(group).virtualRouters]);
}

/** What is withdrawn is let through by nobody's lease. */
function leaseMap(
  name: string,
  keyType: string,
  groups: readonly FencedGroup[],
  keysOf: (leased: Leased) => readonly string[],
): string {
  const verdicts = new Map<string, string>();
  for (const { withdrawn } of groups) {
    if (withdrawn !== undefined) for (const key of keysOf(withdrawn)) verdicts.set(key, 'drop');
  }
  for (const group of groups) for (const key of keysOf(group)) verdicts.set(key, `jump ${openChain(group)}`);
  const elements = Array.from(verdicts, ([key, verdict]) => `${key} : ${verdict}`);
  return collection('map', name, `${keyType} : verdict`, elements);
}

function openChain({ id }: FencedGroup): string {
  return `while_g${id}_open`;
}

/** A virtual router's MAC address, as nft writes it. */
function virtualMac({ family, virtualRouterId }: FencedRouter): string {
  return Buffer.from(virtualRouterMac(family, virtualRouterId))
    .toString('hex')
    .replace(/..(?!$)/g, '$&:');
}
