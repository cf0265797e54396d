import type { Status } from '../api/index.ts';
import type { VirtualRouterConfig } from '../config/index.ts';
import type { HistoryLog } from '../history/index.ts';
import { Tally } from '../metrics/counters/index.ts';
import type { GroupReading, ProcessReading, Reading, RouterReading } from '../metrics/index.ts';
import type { WitnessLink } from '../witness-link/index.ts';
import type { HopLimitWatch } from './hop-limit-watch.ts';
import type { KeptFence } from './kept-fence.ts';
import type { LeaseGroup, PeerConfiguration } from './lease-group.ts';
import type { Reconciler } from './reconciler.ts';
import type { Sideband } from './sideband.ts';
import type { ReconciledRouter } from './virtual-router.ts';
import type { VrrpGroup } from './vrrp-group.ts';

export type MetricsSources = {
  readonly status: Status;
  readonly healthy: boolean;
  readonly engine: ProcessReading;
  readonly recentCrashes: number;
  readonly leaseGroups: readonly Pick<LeaseGroup, 'config' | 'transitions' | 'fenceRefusals' | 'configurationOf'>[];
  readonly vrrpGroups: readonly Pick<VrrpGroup, 'config' | 'transitions' | 'guards'>[];
  readonly routers: readonly Pick<ReconciledRouter, 'config' | 'traffic' | 'discarded' | 'corrections'>[];
  readonly sideband: Pick<Sideband, 'links' | 'misdirected'> | undefined;
  readonly witness: Pick<WitnessLink, 'counts' | 'dropped'> | undefined;
  readonly fence: Pick<KeptFence, 'recreations'> | undefined;
  readonly hopLimits: Pick<HopLimitWatch, 'dropped'> | undefined;
  readonly reconciler: Pick<Reconciler, 'overruns'> | undefined;
  readonly history: Pick<HistoryLog, 'added'> | undefined;
};

/** What each part of the engine has counted, as one reading. What has not been opened has counted nothing. */
export function metricsReading(sources: MetricsSources): Reading {
  const { status, healthy, engine, recentCrashes, sideband, witness } = sources;
  const routers = new Map(sources.routers.map((router) => [router.config, routerReading(router)]));
  const readings = (configs: readonly VirtualRouterConfig[]) => configs.flatMap((config) => routers.get(config) ?? []);
  return {
    status,
    healthy,
    engine,
    recentCrashes,
    historyEntries: sources.history?.added ?? 0,
    networkMonitorOverruns: sources.reconciler?.overruns ?? 0,
    fenceRecreations: sources.fence?.recreations ?? 0,
    hopLimitDrops: sources.hopLimits?.dropped,
    groups: [
      ...sources.leaseGroups.map((group) => leaseReading(group, readings(group.config.virtualRouters))),
      ...sources.vrrpGroups.map((group) => vrrpReading(group, readings(group.config.virtualRouters))),
    ],
    sideband: (sideband?.links ?? []).map((link) => ({
      peer: link.peer,
      ...link.traffic,
      refused: link.refusals(),
    })),
    sidebandMisdirected: sideband?.misdirected() ?? new Map(),
    witness: witness && { ...witness.counts(), messagesDropped: new Map(Object.entries(witness.dropped())) },
  };
}

function leaseReading(group: MetricsSources['leaseGroups'][number], routers: readonly RouterReading[]): GroupReading {
  const { config, transitions, fenceRefusals } = group;
  return {
    name: config.name,
    transitions: transitions.counts,
    takeovers: transitions.takeovers,
    fenceRefusals,
    peers: config.peers.map(({ node }) => ({ node, differs: differenceOf(group.configurationOf(node)) })),
    routers,
  };
}

function differenceOf(configuration: PeerConfiguration | undefined): 'identity' | 'settings' | null {
  switch (configuration) {
    case 'identity_differs':
      return 'identity';
    case 'settings_differ':
      return 'settings';
    case 'same':
    case undefined:
      return null;
  }
}

function vrrpReading(
  { config, transitions, guards }: MetricsSources['vrrpGroups'][number],
  routers: readonly RouterReading[],
): GroupReading {
  const refusals = new Tally<string>();
  for (const guard of guards) {
    for (const [reason, count] of guard?.refusals.counts ?? []) refusals.count(reason, count);
  }
  return {
    name: config.name,
    transitions: transitions.counts,
    takeovers: transitions.takeovers,
    fenceRefusals: refusals.counts,
    peers: [],
    routers,
  };
}

function routerReading({ config, traffic, discarded, corrections }: MetricsSources['routers'][number]): RouterReading {
  return {
    interface: config.interface,
    virtualRouterId: config.virtualRouterId,
    family: config.family,
    advertisementsSent: traffic.sent,
    advertisementsReceived: traffic.received,
    advertisementsDiscarded: discarded(),
    ...corrections(),
  };
}
