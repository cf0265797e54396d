import type { GroupConfig, VirtualRouterConfig } from '../config/index.ts';
import { type FenceOptions, installFence } from '../kernel/fence/index.ts';
import type { InterfaceAddress, Link } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import type { ChangedGroup } from '../reload/index.ts';
import { SYSTEM_CLOCK } from './clock.ts';
import { type FencePlan, planFence } from './fence-plan.ts';
import { KeptFence } from './kept-fence.ts';
import { LeaseRefresh } from './lease-refresh.ts';
import { silences } from './left-overs.ts';
import { PlainGuard } from './plain-guard.ts';
import { PlainRefresh } from './plain-refresh.ts';
import { StartFailure } from './start-failure.ts';

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
  /** The addresses of this host: what an earlier run has left answers as soon as no fence is there. */
  present: readonly InterfaceAddress[],
  /** Hears the secret of each installation of the tables, and from what they were made. */
  onInstalled: (secret: Uint8Array, options: FenceOptions) => void,
): OpenedFence | undefined {
  const { options, plain } = planFence(groups, fencedInterfaces(links));
  requireRefusals(groups, [...plain.keys()], 'the fence does not cover it');
  const needsFence = groups.some(({ mode }) => mode === 'lease');
  const installed = installFence(
    options,
    (secret) => onInstalled(secret, options),
    needsFence && silences(options, present),
  );
  if (!installed.ok) {
    if (needsFence) throw new StartFailure(`no fence, so no lease: ${installed.text}`);
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
  const bridges = new Set(links.filter(({ kind }) => isBridge(kind)).map(({ index }) => index));
  return links
    .filter(({ loopback, mac, masterIndex }) => {
      const portOfBridge = masterIndex !== undefined && bridges.has(masterIndex);
      return !loopback && mac.length > 0 && !portOfBridge;
    })
    .map(({ name }) => name);
}

function isBridge(kind: string | undefined): boolean {
  return kind === 'bridge' || kind === 'openvswitch';
}
