import { DurableObject } from 'cloudflare:workers';
import type { DurableObjectState, WebSocket } from '@cloudflare/workers-types';
import { NEW_WITNESS } from '@tiebreak/shared/lease';
import {
  type AlertmanagerMessage,
  type ClusterBackup,
  type ClusterEvent,
  type ClusterView,
  type DeliveriesPage,
  type DeliveriesQuery,
  type EventsPage,
  type EventsQuery,
  type HealthReport,
  type PutWebhook,
  parseJson,
  type RelayRequest,
  type ReportRequest,
  readRequest,
  type WitnessFrame,
  type WitnessRequest,
  type WitnessResult,
} from '@tiebreak/shared/wire';
import { Alarm } from './alarm.ts';
import { backupOf, restoredFrom } from './backup.ts';
import { bearerToken } from './bearer.ts';
import { type Caller, callerOf } from './caller.ts';
import { CallerRate, RELAY_RATE, REPORT_RATE, REQUEST_RATE } from './caller-rate.ts';
import type { ClusterApi, Denial } from './cluster-api.ts';
import { ClusterMonitor } from './cluster-monitor.ts';
import { clusterView } from './cluster-view.ts';
import { newWitnessId, type TokenKind } from './credential.ts';
import { Credentials } from './credentials.ts';
import type { Env } from './env.ts';
import { EventLog, eventsPage } from './event-log.ts';
import { HealthDesk, type HealthSubject } from './health-desk.ts';
import { MESSAGE_LENGTH_MAX } from './limits.ts';
import { CLOSE, Links } from './links.ts';
import { problem } from './problem.ts';
import { ClusterStorage, type Identity, type Stored } from './storage.ts';
import { Voting } from './voting.ts';
import { Webhooks } from './webhooks/index.ts';

/** Enough for a day that nobody wants to have. */
const OWNERS_SHOWN = 200;
const DELIVERIES_SHOWN = 20;
/** Streams of events that are open at once. */
const VIEWERS_MAX = 64;

/** The cluster as this instance knows it; each wake from hibernation starts another instance (L12). */
type Awake = {
  readonly identity: Identity;
  readonly credentials: Credentials;
  readonly monitor: ClusterMonitor;
  readonly voting: Voting;
  readonly webhooks: Webhooks;
  readonly health: HealthDesk;
};

/**
 * The witness of one cluster: credentials, links, and the votes of the pure core. From a request to its answer there is
 * no `await`: what was decided is written, and the output gate holds the answer back until that is safe (L11).
 */
export class ClusterWitness extends DurableObject<Env> implements ClusterApi {
  readonly #storage: ClusterStorage;
  readonly #links: Links;
  readonly #alarm: Alarm;
  readonly #relayRate = new CallerRate(RELAY_RATE);
  readonly #reportRate = new CallerRate(REPORT_RATE);
  readonly #requestRate = new CallerRate(REQUEST_RATE);
  #awake: Awake | null = null;
  /** The alarm's work is going on, and it rings for no other meanwhile. */
  #ringing = false;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#storage = new ClusterStorage(ctx.storage.sql);
    this.#links = new Links(ctx);
    this.#alarm = new Alarm(ctx.storage);
    void ctx.blockConcurrencyWhile(async () => {
      await this.#alarm.load();
      const stored = this.#storage.load();
      if (stored === null) return;
      this.#wake(stored);
    });
  }

  #wake({ identity, memory, nodes }: Stored): Awake {
    const nowMs = Date.now();
    const { sql } = this.ctx.storage;
    const { name: cluster, witnessId } = identity;
    const credentials = new Credentials(this.#storage, witnessId, { sql, nodes });
    const webhooks = new Webhooks(sql, { cluster, witnessId });
    const monitor = new ClusterMonitor(sql, this.#links, (event) => this.#happened(webhooks, event), nowMs);
    const kept = { storage: this.#storage, links: this.#links, alarm: this.#alarm };
    const abandon = (why: string) => this.ctx.abort(why);
    const voting = new Voting({ identity, credentials, monitor, ...kept, abandon }, memory, nowMs);
    const health = new HealthDesk({ sql, witnessId, credentials, links: this.#links, monitor, voting });
    this.#alarm.wantAt(webhooks.dueAtMs);
    this.#awake = { identity, credentials, monitor, voting, webhooks, health };
    return this.#awake;
  }

  #happened(webhooks: Webhooks, event: ClusterEvent): void {
    this.#links.tellViewers(event);
    webhooks.note(event, Date.now());
    if (this.#ringing) webhooks.startDue();
    else this.#alarm.wantAt(webhooks.dueAtMs);
  }

  async create(name: string): Promise<{ created: boolean; witness_id: string }> {
    if (this.#awake !== null) return { created: false, witness_id: this.#awake.identity.witnessId };
    const identity = { name, witnessId: newWitnessId() };
    this.#storage.create(identity, NEW_WITNESS);
    this.#wake({ identity, memory: NEW_WITNESS, nodes: new Map() });
    return { created: true, witness_id: identity.witnessId };
  }

  async backup(): Promise<ClusterBackup | null> {
    const stored = this.#storage.load();
    if (stored === null || this.#awake === null) return null;
    const { credentials, webhooks } = this.#awake;
    const elsewhere = {
      viewers: Array.from(credentials.holders.viewer.verifiers, ([viewer, verifier]) => ({ viewer, verifier })),
      monitors: Array.from(credentials.holders.monitor.verifiers, ([monitor, verifier]) => ({ monitor, verifier })),
      webhooks: Array.from(webhooks.stored, ([webhook, { url, kinds, secret }]) => ({ webhook, url, kinds, secret })),
    };
    return backupOf(stored, elsewhere, Date.now());
  }

  /** Never over a living cluster: that one may have promised its vote a moment ago. */
  async restore(backup: ClusterBackup): Promise<boolean> {
    if (this.#awake !== null) return false;
    const stored = restoredFrom(backup);
    this.ctx.storage.transactionSync(() => {
      this.#storage.restore(stored);
      new EventLog(this.ctx.storage.sql).restart(Date.now());
      const { sql } = this.ctx.storage;
      const { name: cluster, witnessId } = stored.identity;
      const { holders } = new Credentials(this.#storage, witnessId, { sql, nodes: stored.nodes });
      for (const { viewer, verifier } of backup.viewers) holders.viewer.restore(viewer, verifier);
      for (const { monitor, verifier } of backup.monitors) holders.monitor.restore(monitor, verifier);
      const webhooks = new Webhooks(sql, { cluster, witnessId });
      for (const { webhook, ...kept } of backup.webhooks) webhooks.restore(webhook, kept);
    });
    this.#wake(stored);
    return true;
  }

  /** Its identity ends here, and may go on elsewhere. A vote that it gave binds nobody here any more. */
  async retire(): Promise<boolean> {
    const awake = this.#awake;
    if (awake === null) return false;
    this.#awake = null;
    awake.monitor.stop();
    awake.voting.stop();
    awake.webhooks.stop();
    for (const node of awake.credentials.nodes) this.#links.closeNode(node, CLOSE.policy, 'this cluster was retired');
    this.#links.closeViewers('this cluster was retired');
    await this.ctx.blockConcurrencyWhile(async () => {
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
    });
    this.#alarm.rang();
    return true;
  }

  /** A node that had a token gets another: the former is void at once, and its links are closed. */
  async issueToken(node: string): ReturnType<ClusterApi['issueToken']> {
    const awake = this.#awake;
    if (awake === null) return { ok: false, reason: 'unknown_cluster' };
    const issued = awake.credentials.issueNode(node);
    if (issued === null) return { ok: false, reason: 'too_many_nodes' };
    awake.monitor.credential(node, issued.replaced ? 'replaced' : 'issued', Date.now());
    this.#endSession(awake, node, 'the token of this node was replaced');
    return { ok: true, ...issued };
  }

  /** The token is void at once. A vote that the node has binds on to its end: the node may own, and counts on it. */
  async revokeToken(node: string): ReturnType<ClusterApi['revokeToken']> {
    const awake = this.#awake;
    if (awake === null) return { ok: false, reason: 'unknown_cluster' };
    if (!awake.credentials.revokeNode(node)) return { ok: false, reason: 'unknown_node' };
    awake.monitor.credential(node, 'revoked', Date.now());
    awake.health.forget(node);
    this.#endSession(awake, node, 'the token of this node was revoked');
    return { ok: true };
  }

  async issueHolderToken(kind: TokenKind, name: string): ReturnType<ClusterApi['issueHolderToken']> {
    if (this.#awake === null) return { ok: false, reason: 'unknown_cluster' };
    const issued = this.#awake.credentials.holders[kind].issue(name);
    if (kind === 'viewer' && issued?.replaced === true) this.#links.closeViewers('the token of a viewer was replaced');
    return issued === null ? { ok: false, reason: 'too_many_holders' } : { ok: true, ...issued };
  }

  async revokeHolderToken(kind: TokenKind, name: string): ReturnType<ClusterApi['revokeHolderToken']> {
    if (this.#awake === null) return { ok: false, reason: 'unknown_cluster' };
    if (!this.#awake.credentials.holders[kind].revoke(name)) return { ok: false, reason: 'unknown_holder' };
    if (kind === 'viewer') this.#links.closeViewers('the token of a viewer was revoked');
    return { ok: true };
  }

  /** The URL was looked at before. */
  async putWebhook(name: string, webhook: PutWebhook): ReturnType<ClusterApi['putWebhook']> {
    if (this.#awake === null) return { ok: false, reason: 'unknown_cluster' };
    const put = this.#awake.webhooks.put(name, webhook, Date.now());
    return put === null ? { ok: false, reason: 'too_many_webhooks' } : { ok: true, ...put };
  }

  async removeWebhook(name: string): ReturnType<ClusterApi['removeWebhook']> {
    if (this.#awake === null) return { ok: false, reason: 'unknown_cluster' };
    return this.#awake.webhooks.remove(name) ? { ok: true } : { ok: false, reason: 'unknown_webhook' };
  }

  async webhooks(): ReturnType<ClusterApi['webhooks']> {
    if (this.#awake === null) return { ok: false, reason: 'unknown_cluster' };
    return { ok: true, webhooks: this.#awake.webhooks.views() };
  }

  async deliveries(caller: Caller, query: DeliveriesQuery): ReturnType<ClusterApi['deliveries']> {
    const readable = this.#readable(caller);
    return readable.ok ? { ok: true, page: this.#deliveries(readable.awake, query) } : readable;
  }

  async reportHealth(
    token: string,
    subject: HealthSubject,
    report: HealthReport,
  ): ReturnType<ClusterApi['reportHealth']> {
    if (this.#awake === null) return { ok: false, reason: 'unauthorized' };
    return this.#awake.health.report(token, subject, report, Date.now());
  }

  async reportAlerts(token: string, message: AlertmanagerMessage): ReturnType<ClusterApi['reportAlerts']> {
    if (this.#awake === null) return { ok: false, reason: 'unauthorized' };
    return this.#awake.health.alerts(token, message, Date.now());
  }

  async describe(caller: Caller): Promise<{ ok: true; view: ClusterView } | Denial> {
    const readable = this.#readable(caller);
    return readable.ok ? { ok: true, view: this.#view(readable.awake) } : readable;
  }

  async overview(caller: Caller, query: EventsQuery): ReturnType<ClusterApi['overview']> {
    const readable = this.#readable(caller);
    if (!readable.ok) return readable;
    const { awake } = readable;
    const owners = awake.monitor.page({ before: null, group: null, kind: 'owner', limit: OWNERS_SHOWN }).events;
    const { deliveries } = this.#deliveries(awake, { before: null, webhook: null, limit: DELIVERIES_SHOWN });
    const view = this.#view(awake);
    return { ok: true, overview: { view, page: this.#page(awake, query), owners, deliveries } };
  }

  async events(caller: Caller, query: EventsQuery): Promise<{ ok: true; page: EventsPage } | Denial> {
    const readable = this.#readable(caller);
    return readable.ok ? { ok: true, page: this.#page(readable.awake, query) } : readable;
  }

  #view({ identity, credentials, voting, monitor }: Awake): ClusterView {
    const links = { heardAtMs: this.#links.heardAt(), hearing: this.#links.hearing() };
    const viewed = { identity, nodes: credentials.nodes, voter: voting.voter, monitor: monitor.state };
    return clusterView({ ...viewed, ...links }, Date.now());
  }

  #page({ identity, monitor }: Awake, query: EventsQuery): EventsPage {
    return eventsPage(`/v1/clusters/${identity.name}/events`, query, monitor.page(query));
  }

  #deliveries({ identity, webhooks }: Awake, query: DeliveriesQuery): DeliveriesPage {
    return webhooks.page(`/v1/clusters/${identity.name}/deliveries`, query);
  }

  #readable(caller: Caller): { ok: true; awake: Awake } | Denial {
    const awake = this.#awake;
    if (awake === null) return { ok: false, reason: caller.kind === 'admin' ? 'unknown_cluster' : 'unauthorized' };
    return awake.credentials.mayRead(caller) ? { ok: true, awake } : { ok: false, reason: 'unauthorized' };
  }

  async ask(token: string, request: WitnessRequest): ReturnType<ClusterApi['ask']> {
    const awake = this.#awake;
    const node = awake === null ? null : awake.credentials.nodeOf(token);
    if (awake === null || node === null) return { ok: false, reason: 'unauthorized' };
    if (!this.#requestRate.take(node, Date.now())) return { ok: false, reason: 'too_many_requests' };
    const answer = this.#answer(awake, node, request);
    // Who asks by HTTPS has no link, and nothing but its next request tells that it is still there. A hello may come before one.
    if (request.type !== 'hello' && !this.#links.has(node)) awake.monitor.disconnected(node, Date.now());
    if (answer.result.kind === 'protocol_refused') return { ok: false, reason: 'protocol' };
    return { ok: true, refused: isRefusal(answer.result), frame: answer.frame };
  }

  async fetch(request: Request): Promise<Response> {
    const awake = this.#awake;
    const token = bearerToken(request.headers.get('authorization'));
    if (awake === null || token === null) return problem('unauthorized');
    if (new URL(request.url).pathname.endsWith('/events')) return this.#openStream(awake, token);
    const node = awake.credentials.nodeOf(token);
    return node === null ? problem('unauthorized') : upgradedTo(this.#links.accept(node, Date.now()));
  }

  #openStream(awake: Awake, token: string): Response {
    const caller = callerOf(token, this.env);
    if (caller === null || !awake.credentials.mayRead(caller)) return problem('unauthorized');
    return this.#links.viewers >= VIEWERS_MAX ? problem('too_many_streams') : upgradedTo(this.#links.acceptViewer());
  }

  webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
    if (this.#links.isViewer(socket)) {
      socket.close(CLOSE.policy, 'this stream only tells');
      return;
    }
    const attachment = this.#links.attachment(socket);
    const awake = this.#awake;
    if (attachment === null || awake === null) return;
    if (typeof message !== 'string' || message.length > MESSAGE_LENGTH_MAX) {
      const tooBig = typeof message === 'string';
      socket.close(CLOSE[tooBig ? 'tooBig' : 'policy'], tooBig ? 'message longer than 64 KiB' : 'text messages only');
      return;
    }
    const nowMs = Date.now();
    // As if it had been lost on the way: an answer would cost as much as what was asked.
    if (!this.#requestRate.take(attachment.node, nowMs)) return;
    const request = readRequest(parseJson(message));
    if (request === null) {
      this.#links.countBadMessage(socket, attachment);
      return;
    }
    if (request.type !== 'hello') {
      this.#links.heard(socket, attachment, nowMs);
    } else {
      this.#links.reported(socket, attachment, request.groups, nowMs);
    }
    const answer = this.#answer(awake, attachment.node, request);
    socket.send(JSON.stringify(answer.frame));
    if (answer.result.kind === 'protocol_refused') socket.close(CLOSE.policy, 'no version of the link in common');
    if (answer.result.kind === 'welcome') awake.health.tell(attachment.node);
  }

  /** Without this the other side waits 10 s for the end of the closing handshake. */
  webSocketClose(socket: WebSocket, code: number, reason: string): void {
    this.#linkEnded(socket);
    socket.close(isSendable(code) ? code : 1000, reason);
  }

  webSocketError(socket: WebSocket): void {
    this.#linkEnded(socket);
    socket.close(1011, 'error on the link');
  }

  /**
   * Does what webhooks are due. And L12: wakes an instance that finds what a former one left held, waits TTL_MAX in it, and
   * stores that it is free.
   */
  async alarm(): Promise<void> {
    this.#alarm.rang();
    const awake = this.#awake;
    if (awake === null) return;
    this.#ringing = true;
    try {
      await Promise.all([awake.voting.settled(), awake.webhooks.deliver()]);
      // What has happened while votes were waited for.
      await awake.webhooks.finish();
    } finally {
      this.#ringing = false;
    }
    // It may have been retired meanwhile.
    if (this.#awake !== awake) return;
    awake.voting.keepAlarm();
    this.#alarm.wantAt(awake.webhooks.dueAtMs);
  }

  #linkEnded(socket: WebSocket): void {
    const node = this.#links.leaving(socket);
    if (node !== null) this.#awake?.monitor.disconnected(node, Date.now());
  }

  #endSession(awake: Awake, node: string, reason: string): void {
    awake.voting.forgetAnswers(node);
    this.#links.closeNode(node, CLOSE.policy, reason);
    this.#links.closeViewers(reason);
  }

  #answer(awake: Awake, node: string, request: WitnessRequest): { result: WitnessResult; frame: WitnessFrame } {
    const replyKey = awake.credentials.replyKeyOf(node);
    if (replyKey === undefined) throw new Error(`no credential of the authenticated node ${node}`);
    const nowMs = Date.now();
    awake.monitor.heard(node, nowMs);
    const result = this.#resultOf(awake, node, request, nowMs);
    const { incarnation, sequence } = request;
    const { witnessId: witness_id } = awake.identity;
    const { serial } = awake.voting.voter;
    const reply = { type: 'reply', witness_id, node, sequence, incarnation, stamp_ms: nowMs, serial, result } as const;
    return { result, frame: replyKey.sign(reply) };
  }

  #resultOf(awake: Awake, node: string, request: WitnessRequest, nowMs: number): WitnessResult {
    switch (request.type) {
      case 'relay':
        return this.#relay(awake, node, request, nowMs);
      case 'report':
        return this.#report(awake, node, request, nowMs);
      default:
        return awake.voting.decide(node, request, nowMs);
    }
  }

  #report(awake: Awake, node: string, request: ReportRequest, nowMs: number): WitnessResult {
    if (!this.#reportRate.take(node, nowMs)) return { kind: 'report_refused', reason: 'rate' };
    return { kind: 'reported', decided: awake.monitor.reported(node, request, nowMs) };
  }

  /** Passes a sealed datagram on between two nodes of this cluster; it neither reads nor keeps it (L17). */
  #relay(awake: Awake, from: string, { to, datagram }: RelayRequest, nowMs: number): WitnessResult {
    const replyKey = to === from ? undefined : awake.credentials.replyKeyOf(to);
    if (replyKey === undefined) return { kind: 'relay_refused', reason: 'unknown_node' };
    if (!this.#relayRate.take(from, nowMs)) return { kind: 'relay_refused', reason: 'rate' };
    const passedOn = { type: 'passed_on', witness_id: awake.identity.witnessId, from, datagram } as const;
    return { kind: 'relayed', delivered: this.#links.sendTo(to, replyKey.sign(passedOn)) };
  }
}

function isRefusal({ kind }: WitnessResult): boolean {
  return kind === 'refused' || kind === 'relay_refused' || kind === 'report_refused';
}

function upgradedTo(webSocket: WebSocket): Response {
  const upgraded = { status: 101, webSocket };
  return new Response(null, upgraded);
}

/** RFC 6455, 7.4: what may stand in a close frame. 1005 and 1006 mean that there was none. */
function isSendable(code: number): boolean {
  return code === 1000 || (code >= 3000 && code <= 4999);
}
