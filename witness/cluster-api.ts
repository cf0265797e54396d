import type {
  ClusterBackup,
  ClusterEvent,
  ClusterView,
  EventsPage,
  EventsQuery,
  WitnessFrame,
  WitnessRequest,
} from '@tiebreak/shared/wire';

/** Who asks, as far as the Worker knows: it has verified the admin's token, the others are for the cluster to verify. */
export type Caller = { readonly kind: 'admin' } | { readonly kind: 'node' | 'viewer'; readonly token: string };

/** `unknown_cluster` is for the admin alone: to the others both look the same. */
export type Denial = { readonly ok: false; readonly reason: 'unknown_cluster' | 'unauthorized' };

type NotIssued<Reason> = { readonly ok: false; readonly reason: 'unknown_cluster' | Reason };
type Issued = { readonly ok: true; readonly token: string; readonly replaced: boolean };

export type Overview = {
  readonly view: ClusterView;
  readonly page: EventsPage;
  /** The last changes of owner, newest first. */
  readonly owners: readonly ClusterEvent[];
};

/** What the Worker calls on a cluster's object. All values cross between isolates, so they are plain data. */
export interface ClusterApi {
  create(name: string): Promise<{ created: boolean; witness_id: string }>;
  /** Null: no such cluster. */
  backup(): Promise<ClusterBackup | null>;
  /** False: there is a cluster, and it stays as it is. */
  restore(backup: ClusterBackup): Promise<boolean>;
  /** Forgets everything, and refuses everybody from then on. False: there was nothing. */
  retire(): Promise<boolean>;
  issueToken(node: string): Promise<Issued | NotIssued<'too_many_nodes'>>;
  revokeToken(node: string): Promise<{ ok: true } | NotIssued<'unknown_node'>>;
  issueViewerToken(viewer: string): Promise<Issued | NotIssued<'too_many_viewers'>>;
  revokeViewerToken(viewer: string): Promise<{ ok: true } | NotIssued<'unknown_viewer'>>;
  describe(caller: Caller): Promise<{ ok: true; view: ClusterView } | Denial>;
  /** All that the status page shows, by one call. */
  overview(caller: Caller, query: EventsQuery): Promise<{ ok: true; overview: Overview } | Denial>;
  events(caller: Caller, query: EventsQuery): Promise<{ ok: true; page: EventsPage } | Denial>;
  ask(
    token: string,
    request: WitnessRequest,
  ): Promise<
    { ok: true; refused: boolean; frame: WitnessFrame } | Denial | { ok: false; reason: 'too_many_groups' | 'protocol' }
  >;
  /** The upgrade to the link, or to the stream of events. */
  fetch(request: Request): Promise<Response>;
}
