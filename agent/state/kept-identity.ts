import type { Identity, IdentityRecord } from '@tiebreak/shared/lease';
import { z } from 'zod';

/** L16: which identity a group goes by, and which one it is joint with, beyond any restart or reboot. */
export const KeptIdentity = z.object({
  generation: z.int().min(0),
  agreed: described(),
  joint: described().nullable(),
});
export type KeptIdentity = z.infer<typeof KeptIdentity>;

/** `text`: what the hash was made of. */
function described() {
  return z.object({
    configHash: z.string().regex(/^[0-9a-f]{16}$/),
    text: z.string(),
    witness: z.boolean(),
    policy: z.discriminatedUnion('name', [
      z.object({ name: z.literal('safe') }),
      z.object({ name: z.literal('bias'), promiseMs: z.number().positive() }),
      z.object({ name: z.literal('available') }),
    ]),
  });
}

/** @param textOf what an identity's hash was made of */
export function keptIdentity(
  { generation, agreed, joint }: IdentityRecord,
  textOf: (hash: string) => string,
): KeptIdentity {
  const kept = ({ configHash, witness, policy }: Identity) => ({
    configHash,
    text: textOf(configHash),
    witness,
    policy: { ...policy },
  });
  return { generation, agreed: kept(agreed), joint: joint === undefined ? null : kept(joint) };
}
