import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Task } from '../checks/index.ts';
import type { GroupConfig, Secrets, VirtualRouterConfig } from '../config/index.ts';
import type { FenceOptions } from '../kernel/fence/index.ts';
import type { Link, Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import type { ReloadPlan, Setting } from '../reload/index.ts';
import type { KeptPromises } from '../state/kept-promises.ts';
import { refuseUnsafePrograms, tasksOf } from './checks.ts';
import { type PreparedFence, prepareFence } from './fence-reload.ts';
import type { GroupIdentity } from './group-identity.ts';
import { clearLeftOvers, requireNobodysAddresses } from './left-overs.ts';
import { fencedInterfaces, type OpenedFence } from './open-fence.ts';
import { openIdentity, openPromises } from './open-state.ts';
import { type PreparedRouters, prepareRouters, withNewAddresses, withNewRouters } from './reload-parts.ts';
import { requireInterfaces } from './require-interfaces.ts';
import type { PreparedLinks, Sideband } from './sideband.ts';
import { StartFailure, valueOrFail } from './start-failure.ts';
import type { VirtualMacs } from './virtual-mac.ts';
import type { ReconciledRouter } from './virtual-router.ts';

/** What of the running agent a reload begins with. */
export type ReloadFrom = {
  readonly setting: Setting;
  readonly rtnetlink: Rtnetlink;
  readonly virtualMacs: VirtualMacs;
  readonly sideband: Sideband;
  /** undefined: this host has none. */
  readonly fence: OpenedFence | undefined;
  readonly fenceOptions: FenceOptions | undefined;
  readonly routersOf: (group: GroupConfig) => readonly ReconciledRouter[];
  /** Throws StartFailure. */
  readonly openRouter: (
    group: GroupConfig,
    router: VirtualRouterConfig,
    links: readonly Link[],
    secrets: Secrets,
  ) => ReconciledRouter;
  readonly isStopping: () => boolean;
  readonly log: Logger;
};

/** What `state_dir` holds of a group. */
export type OpenedPromises = { readonly kept: KeptPromises; readonly identity: GroupIdentity };

/** All that has been opened for a reload, which can no longer fail. */
export type PreparedReload = {
  readonly tasks: readonly Task[];
  /** The changed ones and the new ones. */
  readonly groups: readonly PreparedRouters[];
  /** Of the new groups in mode `lease`, by name. */
  readonly promises: ReadonlyMap<string, OpenedPromises>;
  readonly links: PreparedLinks;
  readonly fence: PreparedFence | undefined;
};

/**
 * Opens all that the change needs, up to the fence, in which what is new is held back and what goes is withdrawn. Throws
 * StartFailure, and then nothing has changed.
 */
export async function prepareReload(plan: ReloadPlan, secrets: Secrets, from: ReloadFrom): Promise<PreparedReload> {
  const { config, added, changed, removed } = plan;
  const { log, rtnetlink, setting, sideband, virtualMacs } = from;
  const before = setting.config.groups;
  const links = () => valueOrFail(rtnetlink.links(), 'reading the interfaces');
  requireInterfaces(config.groups, links());
  refuseUnsafePrograms(config.groups);
  const tasks = tasksOf(config.groups);
  const promises = await openAdded(added, { config, secrets }, log);
  // What departs still speaks, with the keys of before.
  const groupKeys = new Map([...setting.secrets.groupKeys, ...secrets.groupKeys]);
  const leases = [...config.groups, ...removed].filter((group) => group.mode === 'lease');
  const sessions = await sideband.prepare(
    leases.map((group) => ({ config: group })),
    { groupKeys },
  );
  const undo: (() => void)[] = [sessions.abandon];
  try {
    // From here on nothing else happens in between.
    if (from.isStopping()) throw new StartFailure('the agent stops');
    const present = links();
    const withNew = withNewAddresses(before, config.groups);
    clearLeftOvers(withNew, present, { rtnetlink, log });
    requireNobodysAddresses(withNew, present, rtnetlink);
    const fence = prepareFence({
      plan,
      groups: before,
      before: from.fenceOptions,
      opened: from.fence,
      interfaces: fencedInterfaces(present),
      log,
    });
    if (fence !== undefined) undo.push(fence.undo);
    const macs = withNewRouters(before, config.groups);
    undo.push(() => virtualMacs.remove(macs.flatMap((group) => group.virtualRouters)));
    virtualMacs.make(macs, fence?.opened);
    const now = links();
    const groups = [...changed.map(({ to }) => to), ...added].map((group) => {
      const former = before.find(({ name }) => name === group.name);
      const own = former === undefined ? [] : from.routersOf(former);
      const prepared = prepareRouters(group, own, { links: now, secrets }, (router) =>
        from.openRouter(group, router, now, secrets),
      );
      undo.push(prepared.abandon);
      return prepared;
    });
    fence?.withdraw();
    return { tasks, groups, promises, links: sessions, fence };
  } catch (cause) {
    for (const step of undo.reverse()) step();
    throw cause;
  }
}

/** One in each turn of the event loop: each may write to the disk, and others own meanwhile. Throws StartFailure. */
async function openAdded(
  added: readonly GroupConfig[],
  setting: Setting,
  log: Logger,
): Promise<ReadonlyMap<string, OpenedPromises>> {
  const opened = new Map<string, OpenedPromises>();
  for (const group of added) {
    if (group.mode === 'vrrp') continue;
    const kept = openPromises(setting.config.stateDir, group.name, log);
    opened.set(group.name, { kept, identity: openIdentity(group, setting, kept, log) });
    await nextTurn();
  }
  return opened;
}
