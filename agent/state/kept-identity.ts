import type { Identity, IdentityRecord } from '@tiebreak/shared/lease';
import { z } from 'zod';

/** L16: which identity a group goes by, and which one it is joint with, beyond any restart or reboot. */
export const KeptIdentity = z.object({
  generation: z.int().min(0),
  agreed: described(),
  joint: described().nullable(),
});
export type KeptIdentity = z.infer<typeof KeptIdentity>;

/** `text`: what the hash was made of; null: a peer has led this node to an identity that it was never configured for. */
function described() {
  return z.object({
    configHash: z.string().regex(/^[0-9a-f]{16}$/),
    text: z.string().nullable(),
    witness: z.boolean(),
    policy: z.discriminatedUnion('name', [
      z.object({ name: z.literal('safe') }),
      z.object({ name: z.literal('bias'), promiseMs: z.number().positive() }),
      z.object({ name: z.literal('available') }),
    ]),
  });
}

/** @param textOf what an identity's hash was made of, if that is known */
export function keptIdentity(
  { generation, agreed, joint }: IdentityRecord,
  textOf: (hash: string) => string | undefined,
): KeptIdentity {
  const kept = ({ configHash, witness, policy }: Identity) => ({
    configHash,
    text: textOf(configHash) ?? null,
    witness,
    policy: { ...policy },
  });
  return { generation, agreed: kept(agreed), joint: joint === undefined ? null : kept(joint) };
}
