import type { WitnessAnswer, WitnessRegister } from '@tiebreak/shared/lease';
import type { ClusterBackup } from '@tiebreak/shared/wire';
import type { Stored } from './storage.ts';

/** Longer than any backup: 32 nodes, 32 viewers and 512 groups with the longest names. */
export const BACKUP_LENGTH_MAX = 262_144;

export function backupOf({ identity, memory, credentials, viewers }: Stored, nowMs: number): ClusterBackup {
  return {
    format: 1,
    cluster: identity.name,
    witness_id: identity.witnessId,
    taken_at: new Date(nowMs).toISOString(),
    serial: memory.serial,
    nodes: Array.from(credentials, ([node, { verifier, replyKey }]) => ({
      node,
      verifier,
      reply_key: replyKey,
      last_request: orderOf(memory.answers.get(node)),
    })),
    viewers: Array.from(viewers, ([viewer, verifier]) => ({ viewer, verifier })),
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
export function restoredFrom({ cluster, witness_id, serial, nodes, viewers, groups }: ClusterBackup): Stored {
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
    credentials: new Map(nodes.map(({ node, verifier, reply_key }) => [node, { verifier, replyKey: reply_key }])),
    viewers: new Map(viewers.map(({ viewer, verifier }) => [viewer, verifier])),
  };
}

function orderOf(answer: WitnessAnswer | undefined): { incarnation: number; sequence: number } | null {
  return answer === undefined ? null : { incarnation: answer.incarnation, sequence: answer.sequence };
}
