import { createHash } from 'node:crypto';
import type { LeaseGroupConfig } from './types.ts';

/** What a group's identity takes from outside its own table. */
export type IdentityContext = {
  readonly node: string;
  /** The witness by what the token pins, not by its URL: each node may reach it by a way of its own. */
  readonly witness: { readonly cluster: string; readonly witnessId: string } | null;
  readonly protocol: number;
};

/**
 * The fields on which safety hangs (L16) as canonical text: the same on every node of the group, whichever file it comes
 * from, and different as soon as one of them differs.
 */
export function configIdentity(group: LeaseGroupConfig, { node, witness, protocol }: IdentityContext): string {
  const members = [node, ...group.peers.map((peer) => peer.node)].sort();
  const witnessIdentity = witness === null ? null : [witness.cluster, witness.witnessId];
  return JSON.stringify(['tiebreak group', protocol, group.mode, group.policy.name, members, witnessIdentity]);
}

/** 16 hex digits; nodes whose hashes differ refuse each other's votes. */
export function configHash(group: LeaseGroupConfig, context: IdentityContext): string {
  return createHash('sha256').update(configIdentity(group, context)).digest('hex').slice(0, 16);
}
