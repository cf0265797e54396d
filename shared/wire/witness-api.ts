import { z } from 'zod';
import { BallotMessage, Name } from './identifiers.ts';
import { GroupReport, PeerReport } from './report.ts';

/** Near which region a cluster's object is created, if the request is the one that creates it. */
export const LocationHint = z
  .enum(['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me'])
  .describe('near which region the witness of the cluster is created; it never moves');
export type LocationHint = z.infer<typeof LocationHint>;

export const CreateCluster = z.strictObject({ location_hint: LocationHint.optional() });

export const RestoreQuery = z.strictObject({ location_hint: LocationHint.optional() });

export const CreatedCluster = z.strictObject({ cluster: Name, witness_id: z.string() });

const CLUSTERS_PAGE_MAX = 1_000;

export const ClustersQuery = z.strictObject({
  after: Name.nullable().default(null).describe('only clusters whose names come later'),
  limit: z.coerce.number().int().min(1).max(CLUSTERS_PAGE_MAX).default(200),
});
export type ClustersQuery = z.infer<typeof ClustersQuery>;

export const ClustersPage = z.strictObject({
  clusters: z
    .array(z.strictObject({ cluster: Name, created_at: z.iso.datetime(), location_hint: LocationHint.nullable() }))
    .describe('by name'),
  next: z.string().nullable().describe('where the next page is; null: there is none'),
});
export type ClustersPage = z.infer<typeof ClustersPage>;

export const IssuedToken = z.strictObject({
  token: z.string().describe("the node's credential, shown this once; it belongs into the agent's token_file"),
});

export const IssuedViewerToken = z.strictObject({
  token: z.string().describe('good for reading the state and the events of this cluster; shown this once'),
});

export const IssuedMonitorToken = z.strictObject({
  token: z.string().describe('good for reporting the health of services of this cluster; shown this once'),
});

export const GroupView = z.strictObject({
  group: Name,
  state: z.enum(['held', 'free']),
  holder: z.string().nullable().describe('the node that the vote is given to'),
  ballot: BallotMessage.describe('the highest that was ever granted'),
  remaining_ms: z.int().min(0).describe('for how long the vote binds the witness still'),
  owner: z.string().nullable().describe('by what the nodes have reported last; null: nobody, or not known'),
  protected: z.boolean().describe('false: its owner says that nothing prevents a second one'),
  reports: z
    .array(GroupReport.omit({ group: true }).extend({ node: Name, at: z.iso.datetime() }))
    .describe('what each node has reported last'),
});
export type GroupView = z.infer<typeof GroupView>;

export const NodeView = z.strictObject({
  node: Name,
  connected: z.boolean(),
  heard_at: z.iso.datetime().nullable(),
  heard_ms_ago: z.int().min(0).nullable(),
  lost: z.boolean().describe('it was heard once, and is not any more'),
  peers: z.array(PeerReport).describe('whom it hears, as it says; empty while it is not connected'),
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
