import type { GroupStatus, Status } from '../api/index.ts';
import type { Config } from '../config/index.ts';
import type { FloatingIps } from '../floating-ip/index.ts';
import { boottimeUs } from '../kernel/index.ts';
import type { Notifier } from '../notify/index.ts';
import { agentVersion } from '../version.ts';
import type { WitnessLink } from '../witness-link/index.ts';
import type { LeaseGroup } from './lease-group.ts';
import type { Sideband } from './sideband.ts';
import { leaseGroupStatus, type OwnStatus, vrrpGroupStatus } from './status.ts';
import type { VrrpGroup } from './vrrp-group.ts';

/** Also in the log, at the moment when it happens. */
const GUARDIAN_GONE =
  'the guardian has died, so that a crash would cost a master-down time: restart the agent when a handover is convenient';

/** `atMs`: wall clock. */
export type ReloadReport = { readonly atMs: number; readonly ok: boolean; readonly detail: string };

/** The agent as it is at this moment. */
export type RunningNode = {
  readonly config: Config;
  /** Wall clock, ms: since when the configuration in force is that. */
  readonly inForceSinceMs: number;
  readonly lastReload: ReloadReport | undefined;
  readonly leaseGroups: readonly LeaseGroup[];
  readonly vrrpGroups: readonly VrrpGroup[];
  readonly sideband: Sideband | undefined;
  readonly witness: WitnessLink | undefined;
  /** What is wrong with the way to the witness. */
  readonly wayProblem: string | undefined;
  readonly notifier: Notifier | undefined;
  readonly floatingIps: FloatingIps | undefined;
  /** null: it has gone; undefined: there never was one. */
  readonly guardianPid: number | null | undefined;
};

export function nodeStatus(node: RunningNode): Status {
  const { config, floatingIps, guardianPid, inForceSinceMs, lastReload: last, notifier } = node;
  return {
    node: config.node,
    version: agentVersion(),
    process: { engine_pid: process.pid, guardian_pid: guardianPid ?? null },
    config: {
      in_force_since: new Date(inForceSinceMs).toISOString(),
      last_reload:
        last === undefined ? null : { at: new Date(last.atMs).toISOString(), ok: last.ok, detail: last.detail },
    },
    groups: ownStatus(node).map((own) => {
      const group = {
        ...own,
        notify: notifyStatus(notifier, own.name),
        floating_ips: floatingIps?.statusOf(own.name) ?? [],
      };
      return guardianPid === null ? withReason(group, GUARDIAN_GONE) : group;
    }),
  };
}

function ownStatus({ config, leaseGroups, sideband, vrrpGroups, wayProblem, witness }: RunningNode): OwnStatus[] {
  return config.groups.flatMap((own) => {
    const lease = leaseGroups.find((group) => group.config === own);
    if (lease !== undefined) {
      return [leaseGroupStatus(lease, sideband?.linksOf(lease) ?? [], witness, boottimeUs(), wayProblem)];
    }
    const plain = vrrpGroups.find((group) => group.config === own);
    return plain === undefined ? [] : [vrrpGroupStatus(plain, config.node, witness, boottimeUs())];
  });
}

function notifyStatus(notifier: Notifier | undefined, name: string): GroupStatus['notify'] {
  const receivers = notifier?.receivers ?? [];
  return receivers.filter(({ group }) => group === name).map(({ group: _, ...receiver }) => receiver);
}

function withReason(group: GroupStatus, reason: string): GroupStatus {
  return { ...group, reason: group.reason === null ? reason : `${group.reason}; ${reason}` };
}
