import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Config, LeaseGroupConfig, Secrets } from './types.ts';

/** What a group's identity takes from outside its own table. */
export type IdentityContext = {
  readonly node: string;
  /** The witness by what the token pins, not by its URL: each node may reach it by a way of its own. */
  readonly witness: { readonly cluster: string; readonly witnessId: string } | null;
  readonly protocol: number;
};

/** The witness that a node is configured for; null: none. */
export function configuredWitness({ witness }: Config, secrets: Secrets): IdentityContext['witness'] {
  const witnessId = secrets.witness?.witnessId;
  return witness === null || witnessId === undefined ? null : { cluster: witness.cluster, witnessId };
}

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
  return identityHash(configIdentity(group, context));
}

/** The hash of a text of `configIdentity`. */
export function identityHash(identity: string): string {
  return createHash('sha256').update(identity).digest('hex').slice(0, 16);
}

const Text = z.tuple([
  z.literal('tiebreak group'),
  z.int(),
  z.string(),
  z.string(),
  z.array(z.string()),
  z.tuple([z.string(), z.string()]).nullable(),
]);

/**
 * Whether a group can go over from one identity to another while it is owned: if the same agents vote in both, and in both
 * by a majority. Both are texts of `configIdentity`; anything else is an identity that nothing leads from or to.
 */
export function canGoOver(from: string, to: string): boolean {
  const [before, after] = [parse(from), parse(to)];
  if (before === undefined || after === undefined) return false;
  const [, protocol, mode, policy, members] = before;
  const isMajority = policy !== 'available' && after[3] !== 'available';
  return isMajority && isDeepStrictEqual([protocol, mode, members], [after[1], after[2], after[4]]);
}

/** The witness that votes by it, of its cluster; undefined: none, or the text is no identity. */
export function witnessOf(identity: string): { readonly cluster: string; readonly witnessId: string } | undefined {
  const [cluster, witnessId] = parse(identity)?.[5] ?? [];
  return cluster === undefined || witnessId === undefined ? undefined : { cluster, witnessId };
}

function parse(identity: string): z.infer<typeof Text> | undefined {
  try {
    return Text.safeParse(JSON.parse(identity)).data;
  } catch {
    return undefined;
  }
}
