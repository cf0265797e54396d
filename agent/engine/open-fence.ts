import { formatAddress } from '@tiebreak/shared/vrrp';
import type { GroupConfig, VirtualRouterConfig } from '../config/index.ts';
import { type FenceOptions, installFence } from '../kernel/fence/index.ts';
import type { Link, Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import type { ChangedGroup } from '../reload/index.ts';
import { bytesOf } from './address-bytes.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import { type FencePlan, planFence } from './fence-plan.ts';
import { KeptFence } from './kept-fence.ts';
import { LeaseRefresh } from './lease-refresh.ts';
import { PlainGuard } from './plain-guard.ts';
import { PlainRefresh } from './plain-refresh.ts';
import { StartFailure, valueOrFail } from './start-failure.ts';

/** This host's fence, and the guards of the virtual routers in mode `vrrp` that have one. */
export interface OpenedFence {
  /** Of all guards. */
  readonly refresh: PlainRefresh;
  /** Of all groups in mode `lease`. */
  readonly leaseRefresh: LeaseRefresh;
  readonly fence: KeptFence;
  readonly guards: ReadonlyMap<VirtualRouterConfig, PlainGuard>;
}

/**
 * Puts the fence up, closed, in place of what a former run left. Throws StartFailure if a group is in mode `lease`:
 * without a fence there is no lease. Plain VRRP does without, which is undefined and a warning.
 */
export function openFence(
  groups: readonly GroupConfig[],
  links: readonly Link[],
  log: Logger,
  /** Hears the secret of each installation of the tables, and from what they were made. */
  onInstalled: (secret: Uint8Array, options: FenceOptions) => void,
): OpenedFence | undefined {
  const { options, plain } = planFence(groups, fencedInterfaces(links));
  requireRefusals(groups, [...plain.keys()], 'the fence does not cover it');
  const installed = installFence(options, (secret) => onInstalled(secret, options));
  if (!installed.ok) {
    if (groups.some(({ mode }) => mode === 'lease')) throw new StartFailure(`no fence, so no lease: ${installed.text}`);
    requireRefusals(groups, [], installed.text);
    log.warn(`no fence, so a frozen or dead agent goes on answering: ${installed.text}`);
    return undefined;
  }
  const fence = new KeptFence(
    installed.fence,
    options.groups.map(({ id }) => id),
    log,
  );
  if (fence.level !== 'full') {
    const text = 'the kernel is older than 5.16 and has no egress hook: the fence is weaker, see docs/fault-model.md';
    log.warn({ fence: fence.level }, text);
  }
  const leaseRefresh = new LeaseRefresh(fence, SYSTEM_CLOCK);
  const opened = { fence, leaseRefresh, refresh: new PlainRefresh(fence), guards: new Map() };
  return { ...opened, guards: guardsOf(plain, opened, log) };
}

/** A guard for each of these; one that there is already goes on. */
export function guardsOf(
  plain: FencePlan['plain'],
  { fence, guards, refresh }: OpenedFence,
  log: Logger,
): ReadonlyMap<VirtualRouterConfig, PlainGuard> {
  const known = new Map(Array.from(guards.values(), (guard) => [guard.id, guard]));
  return new Map(
    Array.from(plain, ([router, { id }]) => [router, known.get(id) ?? new PlainGuard(fence, id, refresh, log)]),
  );
}

/** A virtual router that has a guard keeps it as long as it runs, and one that has none gets none. Throws StartFailure. */
export function requireSameCover(
  changed: readonly ChangedGroup[],
  guards: OpenedFence['guards'],
  plain: FencePlan['plain'],
): void {
  for (const { mode, from, to } of changed) {
    if (mode === 'lease') continue;
    for (const [index, router] of to.virtualRouters.entries()) {
      const former = from.virtualRouters[index];
      if (former === undefined || guards.has(former) === plain.has(router)) continue;
      throw new StartFailure(
        `group ${to.name}: virtual router ${router.virtualRouterId} on ${router.interface} would ${plain.has(router) ? 'get into' : 'leave'} the fence: restart the agent on this node for it`,
      );
    }
  }
}

/** What is not in the fence is accepted, whatever the configuration says. */
export function requireRefusals(
  groups: readonly GroupConfig[],
  covered: readonly VirtualRouterConfig[],
  why: string,
): void {
  for (const { name, mode, virtualRouters } of groups) {
    const open = virtualRouters.find((router) => !router.accept && mode === 'vrrp' && !covered.includes(router));
    if (open === undefined) continue;
    throw new StartFailure(
      `group ${name}: accept = false of virtual router ${open.virtualRouterId} on ${open.interface} needs the fence (nftables): ${why}; leave accept out`,
    );
  }
}

/** Every interface that carries this host's own ARP: not lo, and no port of a bridge, which carries other hosts'. */
export function fencedInterfaces(links: readonly Link[]): string[] {
  const bridges = new Set(links.filter(({ kind }) => kind === 'bridge').map(({ index }) => index));
  return links
    .filter(({ loopback, mac, masterIndex }) => {
      const portOfBridge = masterIndex !== undefined && bridges.has(masterIndex);
      return !loopback && mac.length > 0 && !portOfBridge;
    })
    .map(({ name }) => name);
}

/**
 * Takes away the virtual addresses that an earlier run has left behind; the kernel knows who added them. Throws
 * StartFailure for one that somebody else has put there, which may be the only address that this host can be reached by.
 */
export function clearLeftOvers(
  groups: readonly GroupConfig[],
  links: readonly Link[],
  rtnetlink: Rtnetlink,
  log: Logger,
): void {
  const present = valueOrFail(rtnetlink.addresses(), 'reading the addresses');
  for (const group of groups) {
    for (const { family, addresses, priority, virtualMac, interface: own } of group.virtualRouters) {
      // With priority 255 plain VRRP serves an address that is the host's own (RFC 9568 section 6.1).
      if (group.mode === 'vrrp' && priority === 255) continue;
      for (const { address, prefixLength, interface: home } of addresses) {
        // A macvlan goes with its addresses; what lies on its parent is from before `virtual_mac`, or somebody else's.
        const name = virtualMac ? own : home;
        const interfaceIndex = links.find((link) => link.name === name)?.index;
        const bytes = bytesOf(address);
        const left = present.find(
          (found) => found.interfaceIndex === interfaceIndex && found.address.join('.') === bytes.join('.'),
        );
        if (left === undefined) continue;
        if (!left.ours) throw new StartFailure(notOurs(group.name, address, prefixLength, name));
        const specification = { ...left, family, label: undefined };
        valueOrFail(rtnetlink.removeAddress(specification), `clearing left-overs on ${name}`);
        log.warn({ address, interface: name }, `removed ${address}, left by an earlier run`);
      }
    }
  }
}

function notOurs(group: string, address: string, prefixLength: number, name: string): string {
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
