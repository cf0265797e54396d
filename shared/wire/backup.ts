import { z } from 'zod';
import { BallotMessage, Name } from './identifiers.ts';
import { PutWebhook } from './webhooks.ts';

const Counter = z.int().min(0).max(Number.MAX_SAFE_INTEGER);
/** One that does not sign would throw where the alarm of the votes rings too. */
const WebhookSecret = z.string().regex(/^whsec_(?:[A-Za-z0-9+/]{4}){6,16}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/);
const Key = z.string().regex(/^[0-9a-f]{64}$/);

/**
 * All that makes a cluster's witness the one which its nodes know (L14): whoever has it can speak in the witness's name.
 * Votes are not in it. What they promised has run out before a restored witness gives any.
 */
export const ClusterBackup = z.strictObject({
  format: z.literal(1),
  cluster: Name,
  witness_id: z.string().regex(/^[0-9a-f]{32}$/),
  taken_at: z.iso.datetime(),
  serial: Counter.describe('how many votes had been granted'),
  nodes: z
    .array(
      z.strictObject({
        node: Name,
        verifier: Key,
        reply_key: Key,
        last_request: z
          .strictObject({ incarnation: Counter, sequence: Counter })
          .nullable()
          .describe('the last that was decided: it, and those before it, are not decided again'),
      }),
    )
    .max(32),
  viewers: z.array(z.strictObject({ viewer: Name, verifier: Key })).max(32),
  monitors: z.array(z.strictObject({ monitor: Name, verifier: Key })).max(32),
  webhooks: z.array(PutWebhook.required().extend({ webhook: Name, secret: WebhookSecret })).max(8),
  groups: z
    .array(
      z.strictObject({
        group: Name,
        ballot: BallotMessage.describe('the highest that was ever granted'),
        retired: z.boolean().describe('it was released, and never lives again'),
      }),
    )
    .max(512),
});
export type ClusterBackup = z.infer<typeof ClusterBackup>;
