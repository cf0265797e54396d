import type { DurableObjectId } from '@cloudflare/workers-types';
import type { LocationHint } from '@tiebreak/shared/wire';
import type { ClusterApi } from './cluster-api.ts';

/** What `wrangler.toml` and the secrets give to the Worker. */
export type Env = {
  readonly CLUSTERS: ClusterNamespace;
  /** Absent until the operator sets it; nothing works without. */
  readonly TIEBREAK_ADMIN_TOKEN?: string;
};

export type ClusterNamespace = {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId, options?: { locationHint?: LocationHint }): ClusterApi;
};
