import {
  atPhase,
  checkFailed,
  cutOffFromBoth,
  engineKilled,
  everythingKilled,
  type Fault,
  frozen,
  hostLost,
  lanCarrierLost,
  linkCut,
  oneDirectionCut,
  plannedHandover,
  plannedStop,
  witnessStopped,
} from './faults.ts';
import type { Laboratory } from './laboratory.ts';
import { DEFAULT_SCENARIO, masterDownMs, other, type Scenario } from './system.ts';
import type { HostName } from './topology.ts';

/** DESIGN section 8 states its figures for this interval. */
export const TABLE_SCENARIO: Scenario = { ...DEFAULT_SCENARIO, advertisementIntervalMs: 100 };
export const SERVICE_CHECK = 'service';

/**
 * So long after an advertisement of the owner a fault is begun whose gap depends on the backup's timer. With the time
 * that injecting takes it is over before the next heartbeat, so that both systems were heard last at the same moment.
 */
const PHASE_MS = 15;
const HOLD_MS = 2_500;
/** Longer than any promise that binds a voter, so that whatever could go wrong has gone wrong. */
const PARTITION_MS = 6_000;

/** What must be reached. Limits in ms; of the runs' gaps where nothing else is said. */
export type Target =
  | { readonly kind: 'stays' }
  | { readonly kind: 'moves'; readonly medianMs?: number; readonly worstMs: number }
  /** Of the master-down time of the host that takes over. */
  | { readonly kind: 'moves_within_master_down'; readonly share: number }
  /** Of the other system's median. */
  | { readonly kind: 'moves_as_fast'; readonly share: number };

export type TableRow = {
  readonly title: string;
  readonly target: Target;
  /** Whether both systems must be configured with `SERVICE_CHECK`. */
  readonly needsCheck: boolean;
  /** undefined: this system has no such part. */
  readonly fault: (lab: Laboratory, owner: HostName) => Fault | undefined;
  readonly holdMs: number;
};

const STAYS: Target = { kind: 'stays' };
const PLANNED: Target = { kind: 'moves', medianMs: 5, worstMs: 10 };
const BY_LEASE: Target = { kind: 'moves_within_master_down', share: 1.1 };

export const TABLE_ROWS: readonly TableRow[] = [
  row('planned handover', PLANNED, ({ system }, owner) => plannedHandover(system.agents[owner])),
  row('clean stop', PLANNED, ({ system }, owner) => plannedStop(system.agents[owner])),
  {
    ...row('service check fails', PLANNED, ({ system }, owner) => checkFailed(system.agents[owner], SERVICE_CHECK)),
    needsCheck: true,
  },
  row('the engine dies', { kind: 'moves', worstMs: 25 }, (lab, owner) =>
    phased(lab, owner, repaired(lab, owner, engineKilled(lab.system.agents[owner]))),
  ),
  row('engine and guardian killed at once', BY_LEASE, (lab, owner) =>
    phased(lab, owner, everythingKilled(lab.topology, lab.system.agents[owner])),
  ),
  row('freeze', BY_LEASE, (lab, owner) => phased(lab, owner, frozen(lab.topology, owner))),
  row('host lost', { kind: 'moves_as_fast', share: 1.05 }, (lab, owner) =>
    phased(lab, owner, hostLost(lab.topology, lab.system.agents[owner])),
  ),
  row("the owner's LAN link lost, uplink alive", { kind: 'moves', worstMs: 60 }, (lab, owner) =>
    phased(lab, owner, lanCarrierLost(lab.topology, owner)),
  ),
  lasting('partition', STAYS, ({ topology }) => linkCut(topology)),
  lasting("the owner's direction lost", STAYS, ({ topology }, owner) => oneDirectionCut(topology, owner)),
  lasting("the backup's direction lost", STAYS, ({ topology }, owner) => oneDirectionCut(topology, other(owner))),
  row('owner cut off from peer and witness', BY_LEASE, (lab, owner) =>
    phased(lab, owner, cutOffFromBoth(lab.topology, owner)),
  ),
  lasting('witness down, then up', STAYS, ({ system }) =>
    system.witness === undefined ? undefined : witnessStopped(system.witness),
  ),
];

/** Throws when there is none of that title. */
export function rowOf(title: string): TableRow {
  const row = TABLE_ROWS.find((candidate) => candidate.title === title);
  if (row === undefined) throw new Error(`the table has no row '${title}'`);
  return row;
}

export function targetInWords(target: Target): string {
  switch (target.kind) {
    case 'stays':
      return 'no gap, no move';
    case 'moves':
      return target.medianMs === undefined
        ? `gap <= ${target.worstMs} ms`
        : `gap <= ${target.medianMs} ms median, <= ${target.worstMs} ms worst`;
    case 'moves_within_master_down':
      return `gap <= ${target.share} x master-down time (${limitMs(target.share, 'a')} to ${limitMs(target.share, 'b')} ms)`;
    case 'moves_as_fast':
      return `gap <= ${target.share} x keepalived's`;
  }
}

/** In whole ms. `host` is the one that takes over. */
export function limitMs(share: number, host: HostName): number {
  return Math.round(share * masterDownMs(TABLE_SCENARIO, host));
}

function row(title: string, target: Target, fault: TableRow['fault']): TableRow {
  return { title, target, fault, needsCheck: false, holdMs: HOLD_MS };
}

function lasting(title: string, target: Target, fault: TableRow['fault']): TableRow {
  return { ...row(title, target, fault), holdMs: PARTITION_MS };
}

function phased({ prober }: Laboratory, owner: HostName, fault: Fault): Fault {
  return atPhase(fault, () => prober.nextAdvertisement(owner), PHASE_MS);
}

/**
 * Someone restarts it afterwards: keepalived does not come back by itself from the death of its VRRP process, and tiebreak's
 * guardian lets an engine that dies in run after run stand ever later (agent/guardian/hold-off.ts).
 */
function repaired({ system }: Laboratory, owner: HostName, fault: Fault): Fault {
  return {
    inject: fault.inject,
    heal: async () => {
      await system.agents[owner].terminate();
      await system.agents[owner].start();
    },
  };
}
