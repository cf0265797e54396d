import type { DurableObjectId } from '@cloudflare/workers-types';
import type { LocationHint } from '@tiebreak/shared/wire';
import type { ClusterApi } from './cluster-api.ts';
import type { DirectoryApi } from './directory-api.ts';

/** What `wrangler.toml` and the secrets give to the Worker. */
export type Env = {
  readonly CLUSTERS: ClusterNamespace;
  readonly DIRECTORY: DirectoryNamespace;
  /** Absent until the operator sets it; nothing works without. */
  readonly TIEBREAK_ADMIN_TOKEN?: string;
  /** 'true': for a witness of one's own, whose webhooks may lead into its own network. */
  readonly TIEBREAK_WEBHOOKS_TO_PRIVATE_NETWORKS?: string;
};

export type ClusterNamespace = {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId, options?: { locationHint?: LocationHint }): ClusterApi;
};

export type DirectoryNamespace = {
  idFromName(name: string): DurableObjectId;
  get(id: DurableObjectId): DirectoryApi;
};
