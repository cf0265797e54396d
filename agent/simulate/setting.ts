import { type Policy, witnessVotes } from '@tiebreak/shared/lease';
import { activeDownIntervalUs } from '@tiebreak/shared/vrrp';
import type { Config, LeaseGroupConfig } from '../config/index.ts';
import { NODE_NAMES, type NodeName } from '../simulation/index.ts';

/** What of one lease group decides who owns it and for how long nobody does. */
export type Setting = {
  /** This node first, which owns to begin with, then its peers: 2 to 5. */
  readonly nodes: readonly string[];
  readonly hasWitness: boolean;
  readonly policy: Policy;
  readonly intervalUs: number;
  readonly version: 2 | 3;
  /** In the order of `nodes`. A file knows its own priority only. */
  readonly priorities: readonly number[];
  /** undefined: no node asks for the group because of its priority */
  readonly preemptDelayUs: number | undefined;
  /** A vote of the witness takes as long as that at most. */
  readonly witnessRttUs: number;
};

const USUAL_BACKUP_PRIORITY = 100;
const PRIORITY_STEP = 10;

/** The setting of a group in the file; its peers are taken for configured alike, with lower priorities. */
export function settingOf(config: Config, group: LeaseGroupConfig, witnessRttUs: number): Setting {
  const nodes = [config.node, ...group.peers.map(({ node }) => node)];
  return {
    nodes,
    hasWitness: config.witness !== null,
    policy: group.policy,
    intervalUs: group.intervalUs,
    version: group.virtualRouters[0]?.version ?? 3,
    priorities: prioritiesOf(group.priority, nodes.length),
    preemptDelayUs: group.preempt ? group.preemptDelayUs : undefined,
    witnessRttUs,
  };
}

/** Below `own`, from 100 down where that is possible. */
export function prioritiesOf(own: number, nodes: number): number[] {
  const highest = Math.min(USUAL_BACKUP_PRIORITY, own - 1);
  return [own, ...Array.from({ length: nodes - 1 }, (_, index) => Math.max(1, highest - index * PRIORITY_STEP))];
}

/** In mode "lease" a vote needs one more of these; an odd number of agents has no ties. */
export function hasVotingWitness({ nodes, hasWitness }: Setting): boolean {
  return witnessVotes(nodes.length, hasWitness);
}

/** After so long without its owner the first of the peers stands. */
export function masterDownUs({ version, priorities, intervalUs }: Setting): number {
  return activeDownIntervalUs(version, priorities[1] ?? 1, intervalUs);
}

/** The name in the simulated world of the node that is at this place in the setting. */
export function placeOf(index: number): NodeName {
  const node = NODE_NAMES[index];
  if (node === undefined) throw new RangeError(`a group has ${NODE_NAMES.length} nodes at most`);
  return node;
}

/** The other way round: how the user calls it. */
export function nameOf({ nodes }: Setting, place: string): string {
  return nodes.find((_, index) => placeOf(index) === place) ?? place;
}
