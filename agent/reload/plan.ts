import { isDeepStrictEqual } from 'node:util';
import {
  type Config,
  configuredWitness,
  type GroupConfig,
  type LeaseGroupConfig,
  type Secrets,
  type VirtualRouterConfig,
  type VrrpGroupConfig,
} from '../config/index.ts';
import { isSameRouter, movesBetweenGroups } from './moves.ts';
import {
  API,
  AVAILABLE,
  AVAILABLE_WITNESS,
  LEASE_GROUP,
  NODE,
  PEERS,
  PLAIN_OWNER,
  PLAIN_ROUTERS,
  type Treatment,
  type Treatments,
  VIRTUAL_ROUTER,
  VRRP_GROUP,
  WITNESS,
} from './treatments.ts';

export type Setting = { readonly config: Config; readonly secrets: Secrets };

/** One thing that a running agent cannot do: for a person, with what to do instead. */
export type Refusal = { readonly where: string; readonly advice: string };

export type ChangedGroup =
  | { readonly mode: 'lease'; readonly from: LeaseGroupConfig; readonly to: LeaseGroupConfig }
  | { readonly mode: 'vrrp'; readonly from: VrrpGroupConfig; readonly to: VrrpGroupConfig };

export type Plan =
  | { readonly ok: false; readonly refused: readonly Refusal[] }
  | {
      readonly ok: true;
      /** With the numbers by which the running agent knows its groups. One that has not changed is the very object of before. */
      readonly config: Config;
      readonly removed: readonly GroupConfig[];
      readonly changed: readonly ChangedGroup[];
      readonly added: readonly GroupConfig[];
    };

export type ReloadPlan = Extract<Plan, { ok: true }>;

const PRIORITY_OWNER = 255;

/**
 * What a running agent has to do to go over from one configuration to another, all of it or nothing. Pure.
 *
 * @param takenIds numbers in the fence that are in use beside those of the groups
 */
export function plan(before: Setting, after: Setting, takenIds: ReadonlySet<number>): Plan {
  const refused = [
    ...refusedTable(NODE, before.config, after.config, ''),
    ...refusedTable(API, before.config.api, after.config.api, '[api] '),
    ...refusedWitness(before, after),
    ...movesBetweenGroups(before.config.groups, after.config.groups),
    ...after.config.groups.flatMap((to) => {
      const from = groupNamed(before.config, to.name);
      return from === undefined ? [] : refusedGroup(from, to);
    }),
  ];
  if (refused.length > 0) return { ok: false, refused };
  const groups = withIds(before.config.groups, after.config.groups, takenIds).map((to) => {
    const from = groupNamed(before.config, to.name);
    return from !== undefined && isUnchanged(from, to, before, after) ? from : to;
  });
  return {
    ok: true,
    config: { ...after.config, groups },
    removed: before.config.groups.filter(({ name }) => groupNamed(after.config, name) === undefined),
    added: groups.filter(({ name }) => groupNamed(before.config, name) === undefined),
    changed: groups.flatMap((to): ChangedGroup[] => {
      const from = groupNamed(before.config, to.name);
      if (from === undefined || from === to) return [];
      if (from.mode === 'lease' && to.mode === 'lease') return [{ mode: 'lease', from, to }];
      return from.mode === 'vrrp' && to.mode === 'vrrp' ? [{ mode: 'vrrp', from, to }] : [];
    }),
  };
}

function groupNamed({ groups }: Config, name: string): GroupConfig | undefined {
  return groups.find((group) => group.name === name);
}

/** A group keeps its number for as long as the agent runs; a new one takes none that is in use, or was until now. */
function withIds(
  before: readonly GroupConfig[],
  after: readonly GroupConfig[],
  takenIds: ReadonlySet<number>,
): GroupConfig[] {
  const taken = new Set([...takenIds, ...before.map(({ id }) => id)]);
  let last = 0;
  return after.map((group) => {
    const known = before.find(({ name }) => name === group.name);
    if (known !== undefined) return { ...group, id: known.id };
    do last += 1;
    while (taken.has(last));
    return { ...group, id: last };
  });
}

/**
 * The keys of the sideband are the links' business, which are shared between groups; another witness changes every group
 * that it votes in.
 */
function isUnchanged(from: GroupConfig, to: GroupConfig, before: Setting, after: Setting): boolean {
  const hmacKeys = (group: GroupConfig, { hmacKeys: keys }: Secrets) =>
    group.virtualRouters.map(({ authHmac }) => (authHmac === null ? null : keys.get(authHmac.keyFile)));
  if (to.mode === 'lease' && !haveSameWitness(before, after)) return false;
  return isDeepStrictEqual(from, to) && isDeepStrictEqual(hmacKeys(from, before.secrets), hmacKeys(to, after.secrets));
}

function refusedWitness(before: Setting, after: Setting): Refusal[] {
  const [from, to] = [before.config.witness, after.config.witness];
  const refused = from === null || to === null ? [] : refusedTable(WITNESS, from, to, '[witness] ');
  if (haveSameWitness(before, after)) return refused;
  const stuck = after.config.groups.filter(
    (group) =>
      group.mode === 'lease' &&
      group.policy.name === 'available' &&
      groupNamed(before.config, group.name)?.mode === 'lease',
  );
  return [...refused, ...stuck.map(({ name }) => refusal(`group ${name}, `, AVAILABLE_WITNESS))];
}

function haveSameWitness(before: Setting, after: Setting): boolean {
  const witnessOf = ({ config, secrets }: Setting) => configuredWitness(config, secrets);
  return isDeepStrictEqual(witnessOf(before), witnessOf(after));
}

function refusedGroup(from: GroupConfig, to: GroupConfig): Refusal[] {
  const where = `group ${to.name}, `;
  const routers = to.virtualRouters.flatMap((router) => {
    const former = from.virtualRouters.find((other) => isSameRouter(other, router));
    return former === undefined ? [] : refusedRouter(former, router, from.mode, where);
  });
  if (from.mode === 'lease' && to.mode === 'lease') {
    const nodes = ({ peers }: LeaseGroupConfig) => peers.map(({ node }) => node).sort();
    return [
      ...refusedTable(LEASE_GROUP, from, to, where),
      ...(isStopNeeded(from, to) ? [refusal(where, AVAILABLE)] : []),
      ...(isDeepStrictEqual(nodes(from), nodes(to)) ? [] : [refusal(where, PEERS)]),
      ...routers,
    ];
  }
  if (from.mode === 'vrrp' && to.mode === 'vrrp') {
    const sameRouters =
      from.virtualRouters.length === to.virtualRouters.length &&
      from.virtualRouters.every((router, index) => {
        const other = to.virtualRouters[index];
        return other !== undefined && isSameRouter(router, other);
      });
    return [
      ...refusedTable(VRRP_GROUP, from, to, where),
      ...(sameRouters ? [] : [refusal(where, PLAIN_ROUTERS)]),
      ...routers,
    ];
  }
  return from.mode === to.mode ? [] : [refusal(where, LEASE_GROUP.mode)];
}

function isStopNeeded({ policy: from }: LeaseGroupConfig, { policy: to }: LeaseGroupConfig): boolean {
  return from.name !== to.name && (from.name === 'available' || to.name === 'available');
}

function refusedRouter(
  from: VirtualRouterConfig,
  to: VirtualRouterConfig,
  mode: GroupConfig['mode'],
  group: string,
): Refusal[] {
  const where = `${group}virtual router ${to.virtualRouterId} on ${to.interface}, `;
  const wasOwner = from.priority === PRIORITY_OWNER;
  const isOwner = to.priority === PRIORITY_OWNER;
  return [
    ...refusedTable(VIRTUAL_ROUTER, from, to, where),
    ...(mode === 'vrrp' && wasOwner !== isOwner ? [refusal(where, PLAIN_OWNER)] : []),
  ];
}

function refusedTable<Table extends object>(
  treatments: Treatments<Table>,
  from: Table,
  to: Table,
  where: string,
): Refusal[] {
  const keys = Object.keys(treatments).filter((key): key is keyof Table & string => key in treatments);
  return keys.flatMap((key) => {
    const treatment: Treatment = treatments[key];
    return typeof treatment === 'string' || isDeepStrictEqual(from[key], to[key]) ? [] : [refusal(where, treatment)];
  });
}

function refusal(where: string, treatment: Treatment): Refusal {
  if (typeof treatment === 'string') throw new Error(`${where}: ${treatment} is no refusal`);
  return { where: `${where}${treatment.key}`, advice: treatment.advice };
}
