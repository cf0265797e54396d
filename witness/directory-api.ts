import type { ClustersPage, ClustersQuery, LocationHint } from '@tiebreak/shared/wire';

/** What the Worker calls on the one directory. */
export interface DirectoryApi {
  add(cluster: string, locationHint: LocationHint | null): Promise<void>;
  remove(cluster: string): Promise<void>;
  page(query: ClustersQuery): Promise<ClustersPage>;
}
