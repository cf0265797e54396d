import type { Name, WitnessFrame, WitnessRequest } from '@tiebreak/shared/wire';
import { z } from 'zod';

/** Near which region the object is created, if this request is the one that creates it. */
export const LocationHint = z.enum(['wnam', 'enam', 'sam', 'weur', 'eeur', 'apac', 'oc', 'afr', 'me']);
export type LocationHint = z.infer<typeof LocationHint>;

export const CreateCluster = z.strictObject({ location_hint: LocationHint.optional() });

/** Who asks, as far as the Worker knows: it has verified the admin's token, a node's is for the cluster to verify. */
export type Caller = { readonly kind: 'admin' } | { readonly kind: 'node'; readonly token: string };

/** `unknown_cluster` is for the admin alone: to a node both look the same. */
export type Denial = { readonly ok: false; readonly reason: 'unknown_cluster' | 'unauthorized' };

export type GroupView = {
  group: z.infer<typeof Name>;
  state: 'held' | 'free';
  holder: string | null;
  /** The highest ballot that was ever granted. */
  ballot: { counter: number; node: string };
  /** How long the vote binds the witness still, in ms. */
  remaining_ms: number;
};

export type NodeView = {
  node: string;
  connected: boolean;
  heard_at: string | null;
  heard_ms_ago: number | null;
};

export type ClusterView = {
  cluster: string;
  witness_id: string;
  serial: number;
  /** Above zero: storage is new or was lost, and the witness gives its vote to nobody for so long, in ms. */
  recovering_ms: number;
  groups: GroupView[];
  nodes: NodeView[];
};

/** What the Worker calls on a cluster's object. All values cross between isolates, so they are plain data. */
export interface ClusterApi {
  create(name: string): Promise<{ created: boolean; witness_id: string }>;
  issueToken(
    node: string,
  ): Promise<
    { ok: true; token: string; replaced: boolean } | { ok: false; reason: 'unknown_cluster' | 'too_many_nodes' }
  >;
  describe(caller: Caller): Promise<{ ok: true; view: ClusterView } | Denial>;
  ask(
    token: string,
    request: WitnessRequest,
  ): Promise<
    { ok: true; refused: boolean; frame: WitnessFrame } | Denial | { ok: false; reason: 'too_many_groups' | 'protocol' }
  >;
  /** The upgrade to the link. */
  fetch(request: Request): Promise<Response>;
}
