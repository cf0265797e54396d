import { type WitnessVoter, witnessRecoveryRemainingMs, witnessVoteRemainingMs } from '@tiebreak/shared/lease';
import type { ClusterView } from '@tiebreak/shared/wire';
import type { Identity } from './storage.ts';

/** What the API shows of a cluster. `heardAtMs`, per linked node, is on the same clock as `nowMs`. */
export function clusterView(
  { name, witnessId }: Identity,
  nodes: readonly string[],
  voter: WitnessVoter,
  heardAtMs: ReadonlyMap<string, number>,
  nowMs: number,
): ClusterView {
  return {
    cluster: name,
    witness_id: witnessId,
    serial: voter.serial,
    recovering_ms: witnessRecoveryRemainingMs(voter, nowMs),
    groups: [...voter.votes].map(([group, vote]) => ({
      group,
      state: vote.kind,
      holder: vote.kind === 'held' ? vote.ballot.node : null,
      ballot: { ...vote.ballot },
      remaining_ms: witnessVoteRemainingMs(voter, group, nowMs),
    })),
    nodes: nodes.map((node) => {
      const heardMs = heardAtMs.get(node);
      return {
        node,
        connected: heardMs !== undefined,
        heard_at: heardMs === undefined ? null : new Date(heardMs).toISOString(),
        heard_ms_ago: heardMs === undefined ? null : Math.max(0, nowMs - heardMs),
      };
    }),
  };
}
