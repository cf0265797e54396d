import {
  NO_BALLOT,
  type WitnessVoter,
  witnessRecoveryRemainingMs,
  witnessVoteRemainingMs,
} from '@tiebreak/shared/lease';
import type { ClusterView, GroupView, PeerReport } from '@tiebreak/shared/wire';
import type { Monitor } from './monitor.ts';
import type { Identity } from './storage.ts';

export type Viewed = {
  readonly identity: Identity;
  readonly nodes: readonly string[];
  readonly voter: WitnessVoter;
  readonly monitor: Monitor;
  /** Per linked node, on the same clock as `nowMs`. */
  readonly heardAtMs: ReadonlyMap<string, number>;
  /** Per linked node, whom it hears. */
  readonly hearing: ReadonlyMap<string, readonly PeerReport[]>;
};

/** What the API shows of a cluster. */
export function clusterView(viewed: Viewed, nowMs: number): ClusterView {
  const { identity, nodes, voter, monitor, heardAtMs, hearing } = viewed;
  const groups = [...new Set([...voter.votes.keys(), ...monitor.groups.keys()])].sort();
  return {
    cluster: identity.name,
    witness_id: identity.witnessId,
    serial: voter.serial,
    recovering_ms: witnessRecoveryRemainingMs(voter, nowMs),
    groups: groups.map((group) => groupView(group, viewed, nowMs)),
    nodes: nodes.map((node) => {
      const linkedMs = heardAtMs.get(node);
      const heardMs = linkedMs ?? monitor.quietSinceMs.get(node);
      return {
        node,
        connected: linkedMs !== undefined,
        heard_at: heardMs === undefined ? null : new Date(heardMs).toISOString(),
        heard_ms_ago: heardMs === undefined ? null : Math.max(0, nowMs - heardMs),
        lost: monitor.nodes.get(node)?.lost ?? false,
        peers: [...(hearing.get(node) ?? [])],
      };
    }),
  };
}

function groupView(group: string, { voter, monitor }: Viewed, nowMs: number): GroupView {
  const vote = voter.votes.get(group);
  const known = monitor.groups.get(group);
  return {
    group,
    state: vote?.kind ?? 'free',
    holder: vote?.kind === 'held' ? vote.ballot.node : null,
    ballot: { ...(vote?.ballot ?? NO_BALLOT) },
    remaining_ms: witnessVoteRemainingMs(voter, group, nowMs),
    owner: known?.owner ?? null,
    protected: known?.protected ?? true,
    reports: Object.entries(known?.reports ?? {}).map(([node, { atMs, group: _, ...report }]) => ({
      ...report,
      node,
      at: new Date(atMs).toISOString(),
    })),
  };
}
