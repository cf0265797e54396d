import type { GroupConfig, LeaseGroupConfig, VirtualRouterConfig } from '../config/index.ts';
import type { FencedGroup, FencedRouter, FenceOptions } from '../kernel/fence/index.ts';
import { kernelTickUs } from '../kernel/index.ts';
import { isGuarded, plainFencedGroup, refusedAddresses } from './plain-guard.ts';
import { virtualMacInterfaces } from './virtual-mac.ts';

export type FencePlan = {
  readonly options: FenceOptions;
  /** Of the virtual routers in mode `vrrp` that the fence covers. */
  readonly plain: ReadonlyMap<VirtualRouterConfig, FencedGroup>;
};

/**
 * What the fence must be for these groups.
 *
 * @param interfaces those that are there and carry this host's own ARP
 * @param plainIds by `routerName`: the numbers that virtual routers in mode `vrrp` have already
 * @param reserved numbers that a new one must not get
 */
export function planFence(
  groups: readonly GroupConfig[],
  interfaces: readonly string[],
  plainIds: ReadonlyMap<string, number> = new Map(),
  reserved: readonly number[] = [],
): FencePlan {
  const leases = groups.filter((group) => group.mode === 'lease');
  const all = [...new Set([...interfaces, ...virtualMacInterfaces(groups)])];
  const leased = leases.map(leasedGroup);
  const plain = plainGroups(groups, leased, all, plainIds, reserved);
  const options: FenceOptions = {
    groups: [...leased, ...plain.values()],
    interfaces: all,
    sideband: leases.map((group) => ({
      port: group.sidebandPort,
      peers: group.peers.flatMap(({ addresses }) => addresses),
    })),
  };
  return { options, plain };
}

/**
 * The fence while it goes over from one to the other: what is new is held back already, what goes is withdrawn, and a group
 * that goes is still whole.
 */
export function fenceBetween(before: FenceOptions, after: FenceOptions): FenceOptions {
  const leaving = before.groups.filter(({ id }) => !after.groups.some((group) => group.id === id));
  return {
    ...after,
    groups: [...after.groups.map((group) => withWithdrawn(group, before)), ...leaving],
    interfaces: [...new Set([...before.interfaces, ...after.interfaces])],
    sideband: [...after.sideband, ...before.sideband],
  };
}

/** The fence of before, which holds back as well what `after` has more; nothing is taken from anybody. */
export function fenceWithAdditions(before: FenceOptions, after: FenceOptions): FenceOptions {
  const added = after.groups.filter(({ id }) => !before.groups.some((group) => group.id === id));
  const grown = before.groups.map((group) => {
    const to = after.groups.find(({ id }) => id === group.id);
    if (to === undefined) return group;
    const { virtualRouters } = group;
    const fresh = to.virtualRouters.filter((router) => !virtualRouters.some((other) => isSameFenced(router, other)));
    return {
      ...group,
      addresses: [...new Set([...group.addresses, ...to.addresses])],
      virtualRouters: [...virtualRouters, ...fresh],
    };
  });
  return {
    groups: [...grown, ...added],
    interfaces: [...new Set([...before.interfaces, ...after.interfaces])],
    sideband: [...after.sideband, ...before.sideband],
  };
}

/** By which a virtual router is known, however it is configured. */
export function routerName({ interface: name, virtualRouterId, family }: VirtualRouterConfig): string {
  return `${name} ${virtualRouterId} ${family}`;
}

function withWithdrawn(group: FencedGroup, before: FenceOptions): FencedGroup {
  const former = before.groups.find(({ id }) => id === group.id);
  if (former === undefined) return group;
  const addresses = [...former.addresses, ...(former.withdrawn?.addresses ?? [])].filter(
    (address) => !group.addresses.includes(address),
  );
  const virtualRouters = former.virtualRouters.filter(
    (router) => !group.virtualRouters.some((other) => isSameFenced(router, other)),
  );
  return addresses.length + virtualRouters.length === 0
    ? group
    : { ...group, withdrawn: { addresses, virtualRouters } };
}

function leasedGroup(group: LeaseGroupConfig): FencedGroup {
  return {
    id: group.id,
    addresses: group.virtualRouters.flatMap((router) => router.addresses.map(({ address }) => address)),
    virtualRouters: group.virtualRouters,
    refused: group.virtualRouters.flatMap(refusedAddresses),
    gatewayInterfaces: gatewayInterfaces(group),
    intervalUs: group.intervalUs,
  };
}

function isSameFenced(one: FencedRouter, other: FencedRouter): boolean {
  return (
    one.interface === other.interface && one.virtualRouterId === other.virtualRouterId && one.family === other.family
  );
}

/** In mode `vrrp` each virtual router comes and goes alone. Their numbers in the fence are none of a group's. */
function plainGroups(
  groups: readonly GroupConfig[],
  leased: readonly FencedGroup[],
  interfaces: readonly string[],
  plainIds: ReadonlyMap<string, number>,
  reserved: readonly number[],
): ReadonlyMap<VirtualRouterConfig, FencedGroup> {
  const plain = new Map<VirtualRouterConfig, FencedGroup>();
  const taken = new Set(leased.flatMap(({ addresses }) => addresses));
  const ids = new Set([...groups.map(({ id }) => id), ...plainIds.values(), ...reserved]);
  let last = 0;
  const nextId = (): number => {
    do last += 1;
    while (ids.has(last));
    ids.add(last);
    return last;
  };
  for (const group of groups.filter((candidate) => candidate.mode === 'vrrp')) {
    for (const router of group.virtualRouters.filter(isGuarded)) {
      const id = plainIds.get(routerName(router)) ?? nextId();
      const fenced = plainFencedGroup(id, router, group, kernelTickUs());
      const places = [router.interface, ...fenced.gatewayInterfaces];
      if (!places.every((name) => interfaces.includes(name))) continue;
      // The same link-local address on another link: the fence, which knows no links, cannot tell them apart.
      if (fenced.addresses.some((address) => taken.has(address))) continue;
      for (const address of fenced.addresses) taken.add(address);
      plain.set(router, fenced);
    }
  }
  return plain;
}

function gatewayInterfaces({ gateway, virtualRouters }: GroupConfig): string[] {
  if (!gateway) return [];
  return [...new Set(virtualRouters.flatMap((router) => router.addresses.map((address) => address.interface)))];
}
