import {
  type AddressFamily,
  type GroupConfig,
  isLinkLocal,
  type VirtualAddress,
  type VirtualRouterConfig,
} from '../config/index.ts';
import type { Refusal } from './plan.ts';

/** Whether it is the same virtual router, however it is configured (RFC 9568 section 1.7: by interface, VRID and family). */
export function isSameRouter(one: VirtualRouterConfig, other: VirtualRouterConfig): boolean {
  return (
    one.interface === other.interface && one.virtualRouterId === other.virtualRouterId && one.family === other.family
  );
}

/**
 * What goes from one group to another: until every node has reloaded, one node may own it by the group of before and another
 * one by the new group.
 */
export function movesBetweenGroups(before: readonly GroupConfig[], after: readonly GroupConfig[]): Refusal[] {
  const found = [
    ...moves(before, after, ({ addresses, family }) => addresses.map((address) => addressName(address, family))),
    ...moves(before, after, ({ interface: name, virtualRouterId, family }) => [
      `virtual router ${virtualRouterId} (${family}) on ${name}`,
    ]),
  ];
  return found.map(({ what, from, to }) => ({
    where: `group ${to}, ${what}`,
    advice: `it is group ${from}'s until now, and two nodes could own it meanwhile: take it out of ${from} on every node and reload, then give it to ${to} and reload`,
  }));
}

type Move = { readonly what: string; readonly from: string; readonly to: string };

function moves(
  before: readonly GroupConfig[],
  after: readonly GroupConfig[],
  namesOf: (router: VirtualRouterConfig) => readonly string[],
): Move[] {
  const named = (groups: readonly GroupConfig[]) =>
    groups.flatMap(({ name, virtualRouters }) =>
      virtualRouters.flatMap((router) => namesOf(router).map((what) => [what, name] as const)),
    );
  const former = new Map(named(before));
  return named(after).flatMap(([what, to]) => {
    const from = former.get(what);
    return from === undefined || from === to ? [] : [{ what, from, to }];
  });
}

/** A link-local address belongs to its link: the same on two of them is two addresses. */
function addressName({ address, interface: name }: VirtualAddress, family: AddressFamily): string {
  return isLinkLocal(address, family) ? `${address} on ${name}` : address;
}
