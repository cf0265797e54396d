import type { GroupConfig, VirtualAddress, VirtualRouterConfig } from '../config/index.ts';
import { isSameRouter, type Refusal, type ReloadPlan, type Setting } from '../reload/index.ts';
import type { ReplacedRouters } from './lease-group.ts';
import { StartFailure } from './start-failure.ts';
import type { PreparedRouterChange, ReconciledRouter, RouterSetting } from './virtual-router.ts';

/** The file as it is now, with all that it names, or what is wrong with it as `tiebreak check` says it. */
export type ReadConfiguration =
  | {
      readonly ok: true;
      readonly setting: Setting;
      readonly text: string;
      readonly warnings: readonly string[];
    }
  | { readonly ok: false; readonly problems: string };

/** The groups of `after` with nothing but the addresses that were nowhere, or elsewhere, in `before`. */
export function withNewAddresses(before: readonly GroupConfig[], after: readonly GroupConfig[]): GroupConfig[] {
  const place = ({ address, interface: name }: VirtualAddress) => `${address} ${name}`;
  const known = new Set(
    before.flatMap(({ virtualRouters }) => virtualRouters.flatMap(({ addresses }) => addresses.map(place))),
  );
  return after.map((group) => ({
    ...group,
    virtualRouters: group.virtualRouters.map((router) => ({
      ...router,
      addresses: router.addresses.filter((address) => !known.has(place(address))),
    })),
  }));
}

/** The groups of `after` with none but the virtual routers that are new. */
export function withNewRouters(before: readonly GroupConfig[], after: readonly GroupConfig[]): GroupConfig[] {
  const known = before.flatMap((group) => group.virtualRouters);
  return after.map((group) => ({
    ...group,
    virtualRouters: group.virtualRouters.filter((router) => !known.some((other) => isSameRouter(other, router))),
  }));
}

/** The virtual routers of a new or changed group, as they are to be from now on. */
export type PreparedRouters = {
  readonly group: GroupConfig;
  /** In the order of the configuration. */
  readonly routers: readonly ReconciledRouter[];
  readonly added: readonly ReconciledRouter[];
  readonly gone: readonly ReconciledRouter[];
  readonly changes: readonly Extract<PreparedRouterChange, { ok: true }>[];
  readonly abandon: () => void;
  /** False: an address that does not belong here any more could not be removed. */
  addressesGone: boolean;
};

/**
 * What a group needs of sockets. Those virtual routers that it has go on with their addresses. Throws StartFailure, and then
 * nothing is open that was not.
 *
 * @param former those that it has
 */
export function prepareRouters(
  group: GroupConfig,
  former: readonly ReconciledRouter[],
  { links, secrets }: Omit<RouterSetting, 'config'>,
  open: (config: VirtualRouterConfig) => ReconciledRouter,
): PreparedRouters {
  const gone = [...former];
  const added: ReconciledRouter[] = [];
  const changes: Extract<PreparedRouterChange, { ok: true }>[] = [];
  const abandon = (): void => {
    for (const change of changes) change.abandon();
    for (const router of added) void router.close();
  };
  const routerFor = (config: VirtualRouterConfig): ReconciledRouter => {
    const index = gone.findIndex((router) => isSameRouter(router.config, config));
    const [known] = index === -1 ? [] : gone.splice(index, 1);
    if (known === undefined) {
      const router = open(config);
      added.push(router);
      return router;
    }
    const change = known.prepareChange({ config, links, secrets });
    if (!change.ok) throw new StartFailure(`group ${group.name}: ${change.error}`);
    changes.push(change);
    return known;
  };
  try {
    const routers = group.virtualRouters.map(routerFor);
    return { group, routers, added, gone, changes, abandon, addressesGone: true };
  } catch (cause) {
    abandon();
    throw cause;
  }
}

/** What goes goes first: an address may move from one virtual router to another. */
export function replaceRouters(prepared: PreparedRouters): ReplacedRouters {
  const { routers, added, gone, changes } = prepared;
  const clear = [...gone.map((router) => router.removeAddresses()), ...changes.map((change) => change.withdraw())];
  prepared.addressesGone = clear.every(Boolean);
  for (const change of changes) change.apply();
  return { routers, added };
}

/** What a reload refuses, all of it, for a person. */
export function refusalText(refused: readonly Refusal[]): string {
  const lines = refused.map(({ where, advice }) => `${where} cannot change while the agent runs: ${advice}`);
  return [...lines, 'nothing was changed'].join('\n');
}

/** What a reload did, for a person. */
export function reloadText({ config, added, changed, removed }: ReloadPlan): string {
  const names = (groups: readonly { readonly name: string }[]) => groups.map(({ name }) => name).join(', ');
  const untouched = config.groups.length - added.length - changed.length;
  return [
    'reloaded',
    ...(changed.length === 0 ? [] : [`changed: ${names(changed.map(({ to }) => to))}`]),
    ...(added.length === 0 ? [] : [`added: ${names(added)}`]),
    ...(removed.length === 0 ? [] : [`removed: ${names(removed)}`]),
    `${untouched} ${untouched === 1 ? 'group' : 'groups'} untouched; keys and tokens were read again`,
  ].join('; ');
}
