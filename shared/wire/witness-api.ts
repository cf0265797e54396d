import { z } from 'zod';
import { BallotMessage, Name } from './witness.ts';

/** Near which region a cluster's object is created, if the request is the one that creates it. */
export const LocationHint = z
  .enum(['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me'])
  .describe('near which region the witness of the cluster is created; it never moves');
export type LocationHint = z.infer<typeof LocationHint>;

export const CreateCluster = z.strictObject({ location_hint: LocationHint.optional() });

export const CreatedCluster = z.strictObject({ cluster: Name, witness_id: z.string() });

export const IssuedToken = z.strictObject({
  token: z.string().describe("the node's credential, shown this once; it belongs into the agent's token_file"),
});

export const GroupView = z.strictObject({
  group: Name,
  state: z.enum(['held', 'free']),
  holder: z.string().nullable().describe('the node that the vote is given to'),
  ballot: BallotMessage.describe('the highest that was ever granted'),
  remaining_ms: z.int().min(0).describe('for how long the vote binds the witness still'),
});
export type GroupView = z.infer<typeof GroupView>;

export const NodeView = z.strictObject({
  node: Name,
  connected: z.boolean(),
  heard_at: z.iso.datetime().nullable(),
  heard_ms_ago: z.int().min(0).nullable(),
});
export type NodeView = z.infer<typeof NodeView>;

export const ClusterView = z.strictObject({
  cluster: Name,
  witness_id: z.string(),
  serial: z.int().min(0).describe('grows with each vote that is granted'),
  recovering_ms: z
    .int()
    .min(0)
    .describe('above zero: its storage is new or was lost, and the witness gives its vote to nobody for so long'),
  groups: z.array(GroupView),
  nodes: z.array(NodeView),
});
export type ClusterView = z.infer<typeof ClusterView>;

export const Healthy = z.strictObject({ status: z.literal('ok') });

/** Every error of the API (RFC 9457). */
export const Problem = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string().describe('what is wrong and what to do, for people'),
  code: z.string().describe('what is wrong, for programs: it never changes'),
});
