import type {
  AlertmanagerMessage,
  AlertsTaken,
  ClusterBackup,
  ClusterEvent,
  ClusterView,
  DeliveriesPage,
  DeliveriesQuery,
  Delivery,
  EventsPage,
  EventsQuery,
  HealthReport,
  PutWebhook,
  WebhookView,
  WitnessFrame,
  WitnessRequest,
} from '@tiebreak/shared/wire';
import type { Caller } from './caller.ts';
import type { TokenKind } from './credential.ts';
import type { HealthRefusal, HealthSubject } from './health-desk.ts';

/** `unknown_cluster` is for the admin alone: to the others both look the same. */
export type Denial = { readonly ok: false; readonly reason: 'unknown_cluster' | 'unauthorized' };

type NotDone<Reason> = { readonly ok: false; readonly reason: 'unknown_cluster' | Reason };
type Issued = { readonly ok: true; readonly token: string; readonly replaced: boolean };

export type Overview = {
  readonly view: ClusterView;
  readonly page: EventsPage;
  /** The last changes of owner, newest first. */
  readonly owners: readonly ClusterEvent[];
  /** The last messages to webhooks, newest first. */
  readonly deliveries: readonly Delivery[];
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
  issueToken(node: string): Promise<Issued | NotDone<'too_many_nodes'>>;
  revokeToken(node: string): Promise<{ ok: true } | NotDone<'unknown_node'>>;
  issueHolderToken(kind: TokenKind, name: string): Promise<Issued | NotDone<'too_many_holders'>>;
  revokeHolderToken(kind: TokenKind, name: string): Promise<{ ok: true } | NotDone<'unknown_holder'>>;
  putWebhook(
    name: string,
    webhook: PutWebhook,
  ): Promise<{ ok: true; secret: string; replaced: boolean } | NotDone<'too_many_webhooks'>>;
  removeWebhook(name: string): Promise<{ ok: true } | NotDone<'unknown_webhook'>>;
  webhooks(): Promise<{ ok: true; webhooks: WebhookView[] } | { ok: false; reason: 'unknown_cluster' }>;
  deliveries(caller: Caller, query: DeliveriesQuery): Promise<{ ok: true; page: DeliveriesPage } | Denial>;
  reportHealth(
    token: string,
    subject: HealthSubject,
    report: HealthReport,
  ): Promise<{ ok: true; delivered: boolean } | { ok: false; reason: HealthRefusal }>;
  reportAlerts(
    token: string,
    message: AlertmanagerMessage,
  ): Promise<{ ok: true; taken: AlertsTaken } | { ok: false; reason: 'unauthorized' | 'too_many_requests' }>;
  describe(caller: Caller): Promise<{ ok: true; view: ClusterView } | Denial>;
  /** All that the status page shows, by one call. */
  overview(caller: Caller, query: EventsQuery): Promise<{ ok: true; overview: Overview } | Denial>;
  events(caller: Caller, query: EventsQuery): Promise<{ ok: true; page: EventsPage } | Denial>;
  ask(
    token: string,
    request: WitnessRequest,
  ): Promise<
    | { ok: true; refused: boolean; frame: WitnessFrame }
    | Denial
    | { ok: false; reason: 'too_many_requests' | 'protocol' }
  >;
  /** The upgrade to the link, or to the stream of events. */
  fetch(request: Request): Promise<Response>;
}
