import type { WitnessAnswer, WitnessRegister } from '@tiebreak/shared/lease';
import type { ClusterBackup } from '@tiebreak/shared/wire';
import { ReplyKey } from './reply-key.ts';
import type { Stored } from './storage.ts';

/** What a cluster's other parts keep in rows of their own. */
export type KeptElsewhere = Pick<ClusterBackup, 'viewers' | 'monitors' | 'webhooks'>;

/** Longer than any backup: all that there can be, with the longest names. */
export const BACKUP_LENGTH_MAX = 262_144;

export function backupOf({ identity, memory, nodes }: Stored, elsewhere: KeptElsewhere, nowMs: number): ClusterBackup {
  return {
    format: 1,
    cluster: identity.name,
    witness_id: identity.witnessId,
    taken_at: new Date(nowMs).toISOString(),
    serial: memory.serial,
    nodes: Array.from(nodes, ([node, { verifier, replyKey }]) => ({
      node,
      verifier,
      reply_key: replyKey.hex,
      last_request: orderOf(memory.answers.get(node)),
    })),
    ...elsewhere,
    groups: Array.from(memory.registers, ([group, register]) => ({
      group,
      ballot: register.ballot,
      retired: register.kind === 'free' && register.retired,
    })),
  };
}

/**
 * It begins by waiting TTL_MAX (L14): whatever the lost witness had promised runs out meanwhile, so that every vote is free
 * then, at the highest ballot that is known. A repeated request gets no answer of before: that one may have been a grant.
 */
export function restoredFrom({ cluster, witness_id, serial, nodes, groups }: ClusterBackup): Stored {
  const answers = new Map<string, WitnessAnswer>();
  for (const { node, last_request } of nodes) {
    if (last_request !== null) answers.set(node, { ...last_request, result: { kind: 'rehearsed' } });
  }
  const registers = new Map<string, WitnessRegister>(
    groups.map(({ group, ballot, retired }) => [group, { kind: 'free', ballot, retired }]),
  );
  return {
    identity: { name: cluster, witnessId: witness_id },
    memory: { serial, recovering: true, registers, answers },
    nodes: new Map(
      nodes.map(({ node, verifier, reply_key }) => [node, { verifier, replyKey: new ReplyKey(reply_key) }]),
    ),
  };
}

function orderOf(answer: WitnessAnswer | undefined): { incarnation: number; sequence: number } | null {
  return answer === undefined ? null : { incarnation: answer.incarnation, sequence: answer.sequence };
}
