import { DurableObject } from 'cloudflare:workers';
import type { DurableObjectState, WebSocket } from '@cloudflare/workers-types';
import {
  decideWitness,
  NEW_WITNESS,
  type VotingRequest,
  type WitnessEffect,
  type WitnessStep,
  type WitnessVoter,
  wakeWitness,
  witnessHoldsVotes,
  witnessOwesWaiting,
  witnessTimerRanOut,
} from '@tiebreak/shared/lease';
import {
  type ClusterBackup,
  type ClusterView,
  type EventsPage,
  type EventsQuery,
  type RelayRequest,
  type ReportRequest,
  type WitnessFrame,
  WitnessRequest,
  type WitnessResult,
} from '@tiebreak/shared/wire';
import { backupOf, restoredFrom } from './backup.ts';
import { bearerToken } from './bearer.ts';
import { callerOf } from './caller.ts';
import type { Caller, ClusterApi, Denial } from './cluster-api.ts';
import { ClusterMonitor } from './cluster-monitor.ts';
import { clusterView } from './cluster-view.ts';
import { newWitnessId, sign } from './credential.ts';
import { Credentials } from './credentials.ts';
import type { Env } from './env.ts';
import { eventsPage } from './event-log.ts';
import { MESSAGE_LENGTH_MAX, parseJson } from './json.ts';
import { CLOSE, Links } from './links.ts';
import { GROUPS_MAX } from './monitor.ts';
import { NodeRate, RELAY_RATE, REPORT_RATE } from './node-rate.ts';
import { problem } from './problem.ts';
import { ClusterStorage, type Identity, type Stored } from './storage.ts';

/** Enough for a day that nobody wants to have. */
const OWNERS_SHOWN = 200;
/** Streams of events that are open at once. */
const VIEWERS_MAX = 64;
/** Later than any vote of this instance ends: only a vote whose instance was lost is left for the alarm (L12). */
const ALARM_AFTER_MS = 20_000;

/** The cluster as this instance knows it; each wake from hibernation starts another instance (L12). */
type Awake = {
  readonly identity: Identity;
  readonly credentials: Credentials;
  readonly monitor: ClusterMonitor;
  voter: WitnessVoter;
};

/**
 * The witness of one cluster: credentials, links, and the votes of the pure core. From a request to its answer there is
 * no `await`: what was decided is written, and the output gate holds the answer back until that is safe (L11).
 */
export class ClusterWitness extends DurableObject<Env> implements ClusterApi {
  readonly #storage: ClusterStorage;
  readonly #links: Links;
  readonly #timers = new Map<number, ReturnType<typeof setTimeout>>();
  readonly #relayRate = new NodeRate(RELAY_RATE);
  readonly #reportRate = new NodeRate(REPORT_RATE);
  #awake: Awake | null = null;
  #alarmAtMs: number | null = null;
  #whenSettled: (() => void)[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#storage = new ClusterStorage(ctx.storage.sql);
    this.#links = new Links(ctx);
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAtMs = await ctx.storage.getAlarm();
      const stored = this.#storage.load();
      if (stored === null) return;
      this.#wake(stored);
    });
  }

  #wake({ identity, memory, credentials, viewers }: Stored): void {
    const nowMs = Date.now();
    const woken = wakeWitness(memory, nowMs);
    this.#awake = {
      identity,
      credentials: new Credentials(this.#storage, identity.witnessId, { nodes: credentials, viewers }),
      monitor: new ClusterMonitor(this.ctx.storage.sql, this.#links, nowMs),
      voter: woken.voter,
    };
    this.#perform(this.#awake, woken);
  }

  async create(name: string): Promise<{ created: boolean; witness_id: string }> {
    if (this.#awake !== null) return { created: false, witness_id: this.#awake.identity.witnessId };
    const identity = { name, witnessId: newWitnessId() };
    this.#storage.create(identity, NEW_WITNESS);
    this.#wake({ identity, memory: NEW_WITNESS, credentials: new Map(), viewers: new Map() });
    return { created: true, witness_id: identity.witnessId };
  }

  async backup(): Promise<ClusterBackup | null> {
    const stored = this.#storage.load();
    return stored === null ? null : backupOf(stored, Date.now());
  }

  /** Never over a living cluster: that one may have promised its vote a moment ago. */
  async restore(backup: ClusterBackup): Promise<boolean> {
    if (this.#awake !== null) return false;
    const stored = restoredFrom(backup);
    this.ctx.storage.transactionSync(() => this.#storage.restore(stored));
    this.#wake(stored);
    return true;
  }

  /** Its identity ends here, and may go on elsewhere. A vote that it gave binds nobody here any more. */
  async retire(): Promise<boolean> {
    const awake = this.#awake;
    if (awake === null) return false;
    this.#awake = null;
    awake.monitor.stop();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
    for (const node of awake.credentials.nodes) this.#links.closeNode(node, CLOSE.policy, 'this cluster was retired');
    this.#links.closeViewers('this cluster was retired');
    for (const resolve of this.#whenSettled.splice(0)) resolve();
    await this.ctx.blockConcurrencyWhile(async () => {
      await this.ctx.storage.deleteAlarm();
      await this.ctx.storage.deleteAll();
    });
    this.#alarmAtMs = null;
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
    this.#endSession(awake, node, 'the token of this node was revoked');
    return { ok: true };
  }

  async issueViewerToken(viewer: string): ReturnType<ClusterApi['issueViewerToken']> {
    if (this.#awake === null) return { ok: false, reason: 'unknown_cluster' };
    const issued = this.#awake.credentials.issueViewer(viewer);
    return issued === null ? { ok: false, reason: 'too_many_viewers' } : { ok: true, ...issued };
  }

  async revokeViewerToken(viewer: string): ReturnType<ClusterApi['revokeViewerToken']> {
    if (this.#awake === null) return { ok: false, reason: 'unknown_cluster' };
    if (!this.#awake.credentials.revokeViewer(viewer)) return { ok: false, reason: 'unknown_viewer' };
    // Whose stream is whose is not kept; the others open theirs again.
    this.#links.closeViewers('the token of a viewer was revoked');
    return { ok: true };
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
    return { ok: true, overview: { view: this.#view(awake), page: this.#page(awake, query), owners } };
  }

  async events(caller: Caller, query: EventsQuery): Promise<{ ok: true; page: EventsPage } | Denial> {
    const readable = this.#readable(caller);
    return readable.ok ? { ok: true, page: this.#page(readable.awake, query) } : readable;
  }

  #view({ identity, credentials, voter, monitor }: Awake): ClusterView {
    const links = { heardAtMs: this.#links.heardAt(), hearing: this.#links.hearing() };
    const viewed = { identity, nodes: credentials.nodes, voter, monitor: monitor.state, ...links };
    return clusterView(viewed, Date.now());
  }

  #page({ identity, monitor }: Awake, query: EventsQuery): EventsPage {
    return eventsPage(`/v1/clusters/${identity.name}/events`, query, monitor.page(query));
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
    const answer = this.#answer(awake, node, request);
    if (answer === null) return { ok: false, reason: 'too_many_groups' };
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
    return this.#links.viewers >= VIEWERS_MAX ? problem('too_many_viewers') : upgradedTo(this.#links.acceptViewer());
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
      socket.close(CLOSE[tooBig ? 'tooBig' : 'policy'], tooBig ? 'message longer than 16 KiB' : 'text messages only');
      return;
    }
    const request = WitnessRequest.safeParse(parseJson(message));
    if (!request.success) {
      this.#links.countBadMessage(socket, attachment);
      return;
    }
    const nowMs = Date.now();
    if (request.data.type !== 'hello') {
      this.#links.heard(socket, attachment, nowMs);
    } else {
      this.#links.reported(socket, attachment, request.data.groups, nowMs);
    }
    const answer = this.#answer(awake, attachment.node, request.data);
    if (answer === null) {
      socket.close(CLOSE.policy, `more than ${GROUPS_MAX} groups`);
      return;
    }
    socket.send(JSON.stringify(answer.frame));
    if (answer.result.kind === 'protocol_refused') socket.close(CLOSE.policy, 'no version of the link in common');
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

  /** L12: wakes an instance that finds what a former one left held, waits TTL_MAX in it, and stores that it is free. */
  async alarm(): Promise<void> {
    this.#alarmAtMs = null;
    const awake = this.#awake;
    if (awake === null) return;
    if (witnessOwesWaiting(awake.voter)) await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
    // It may have been retired meanwhile.
    if (this.#awake === awake) this.#keepAlarm(awake);
  }

  #linkEnded(socket: WebSocket): void {
    const node = this.#links.leaving(socket);
    if (node !== null) this.#awake?.monitor.disconnected(node, Date.now());
  }

  #endSession(awake: Awake, node: string, reason: string): void {
    const answers = new Map(awake.voter.answers);
    answers.delete(node);
    awake.voter = { ...awake.voter, answers };
    this.#links.closeNode(node, CLOSE.policy, reason);
  }

  #answer(awake: Awake, node: string, request: WitnessRequest): { result: WitnessResult; frame: WitnessFrame } | null {
    const replyKey = awake.credentials.replyKeyOf(node);
    if (replyKey === undefined) throw new Error(`no credential of the authenticated node ${node}`);
    const nowMs = Date.now();
    awake.monitor.heard(node, nowMs);
    const result = this.#resultOf(awake, node, request, nowMs);
    if (result === null) return null;
    const { incarnation, sequence } = request;
    const { witnessId: witness_id } = awake.identity;
    const { serial } = awake.voter;
    const frame = sign(
      { type: 'reply', witness_id, node, sequence, incarnation, stamp_ms: nowMs, serial, result },
      replyKey,
    );
    return { result, frame };
  }

  #resultOf(awake: Awake, node: string, request: WitnessRequest, nowMs: number): WitnessResult | null {
    switch (request.type) {
      case 'relay':
        return this.#relay(awake, node, request, nowMs);
      case 'report':
        return this.#report(awake, node, request, nowMs);
      default:
        return this.#decide(awake, node, request, nowMs);
    }
  }

  #report(awake: Awake, node: string, request: ReportRequest, nowMs: number): WitnessResult {
    if (!this.#reportRate.take(node, nowMs)) return { kind: 'report_refused', reason: 'rate' };
    return { kind: 'reported', decided: awake.monitor.reported(node, request, nowMs) };
  }

  #decide(awake: Awake, node: string, request: VotingRequest, nowMs: number): WitnessResult | null {
    const group = 'group' in request ? request.group : null;
    if (group !== null && !awake.voter.votes.has(group) && awake.voter.votes.size >= GROUPS_MAX) return null;
    const rivalHashes = group === null ? [] : this.#links.rivalHashes(node, group, nowMs);
    const before = awake.voter;
    const { result, ...step } = decideWitness(before, { node, request, rivalHashes }, nowMs);
    this.#perform(awake, step);
    awake.monitor.decided({ before, after: step.voter, asked: { node, request, result } }, nowMs);
    return result;
  }

  /** Passes a sealed datagram on between two nodes of this cluster; it neither reads nor keeps it (L17). */
  #relay(awake: Awake, from: string, { to, datagram }: RelayRequest, nowMs: number): WitnessResult {
    const replyKey = to === from ? undefined : awake.credentials.replyKeyOf(to);
    if (replyKey === undefined) return { kind: 'relay_refused', reason: 'unknown_node' };
    if (!this.#relayRate.take(from, nowMs)) return { kind: 'relay_refused', reason: 'rate' };
    const passedOn = { type: 'passed_on', witness_id: awake.identity.witnessId, from, datagram } as const;
    return { kind: 'relayed', delivered: this.#links.sendTo(to, sign(passedOn, replyKey)) };
  }

  #perform(awake: Awake, { voter, effects }: WitnessStep): void {
    awake.voter = voter;
    for (const effect of effects) this.#performOne(awake, effect);
    this.#keepAlarm(awake);
    if (witnessOwesWaiting(voter)) return;
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  #performOne(awake: Awake, effect: WitnessEffect): void {
    switch (effect.kind) {
      case 'store_vote': {
        const { group, register, serial, answered } = effect;
        if (answered === null) this.#storage.saveRegister(group, register, serial);
        else this.#storage.saveAnsweredRegister(group, register, serial, answered, awake.voter.answers);
        return;
      }
      case 'store_answer':
        this.#storage.saveAnswer(effect.node, effect.answer);
        return;
      case 'store_recovery':
        this.#storage.saveRecovery(effect.serial, effect.recovering);
        return;
      case 'start_timer': {
        const { timer, delayMs } = effect;
        this.#timers.set(
          timer,
          setTimeout(() => {
            this.#timers.delete(timer);
            this.#timePassed(awake, timer, Date.now());
          }, delayMs),
        );
        return;
      }
      case 'stop_timer':
        clearTimeout(this.#timers.get(effect.timer));
        this.#timers.delete(effect.timer);
        return;
      case 'announce_free': {
        const freed = { type: 'freed', witness_id: awake.identity.witnessId, group: effect.group } as const;
        this.#links.send(effect.except, (node) => {
          const replyKey = awake.credentials.replyKeyOf(node);
          return replyKey === undefined ? null : sign(freed, replyKey);
        });
        return;
      }
    }
  }

  #timePassed(awake: Awake, timer: number, nowMs: number): void {
    const before = awake.voter;
    const step = witnessTimerRanOut(before, timer, nowMs);
    this.#perform(awake, step);
    awake.monitor.decided({ before, after: step.voter, asked: null }, nowMs);
  }

  /** As long as anything is held, an alarm stands behind it. It is moved only when it rings: each move costs a row. */
  #keepAlarm(awake: Awake): void {
    if (this.#alarmAtMs !== null || !witnessHoldsVotes(awake.voter)) return;
    this.#alarmAtMs = Date.now() + ALARM_AFTER_MS;
    void this.ctx.storage.setAlarm(this.#alarmAtMs);
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
