import type { ClusterView, WitnessFrame, WitnessRequest } from '@tiebreak/shared/wire';

/** Who asks, as far as the Worker knows: it has verified the admin's token, a node's is for the cluster to verify. */
export type Caller = { readonly kind: 'admin' } | { readonly kind: 'node'; readonly token: string };

/** `unknown_cluster` is for the admin alone: to a node both look the same. */
export type Denial = { readonly ok: false; readonly reason: 'unknown_cluster' | 'unauthorized' };

/** What the Worker calls on a cluster's object. All values cross between isolates, so they are plain data. */
export interface ClusterApi {
  create(name: string): Promise<{ created: boolean; witness_id: string }>;
  issueToken(
    node: string,
  ): Promise<
    { ok: true; token: string; replaced: boolean } | { ok: false; reason: 'unknown_cluster' | 'too_many_nodes' }
  >;
  revokeToken(node: string): Promise<{ ok: true } | { ok: false; reason: 'unknown_cluster' | 'unknown_node' }>;
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
