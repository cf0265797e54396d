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
  type ClusterView,
  type RelayRequest,
  WITNESS_PROTOCOL,
  type WitnessFrame,
  WitnessRequest,
  type WitnessResult,
} from '@tiebreak/shared/wire';
import { bearerToken } from './bearer.ts';
import type { Caller, ClusterApi, Denial } from './cluster-api.ts';
import { clusterView } from './cluster-view.ts';
import { type Credential, newToken, newWitnessId, readToken, sameText, sign } from './credential.ts';
import type { Env } from './env.ts';
import { MESSAGE_LENGTH_MAX, parseJson } from './json.ts';
import { CLOSE, Links } from './links.ts';
import { problem } from './problem.ts';
import { RelayRate } from './relay-rate.ts';
import { ClusterStorage, type Identity } from './storage.ts';

const NODES_MAX = 32;
const GROUPS_MAX = 512;
/** Later than any vote of this instance ends: only a vote whose instance was lost is left for the alarm (L12). */
const ALARM_AFTER_MS = 20_000;

/** The cluster as this instance knows it; each wake from hibernation starts another instance (L12). */
type Awake = {
  readonly identity: Identity;
  readonly credentials: Map<string, Credential>;
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
  readonly #relayRate = new RelayRate();
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
      const { voter, effects } = wakeWitness(stored.memory, Date.now());
      this.#awake = { identity: stored.identity, credentials: new Map(stored.credentials), voter };
      this.#perform(this.#awake, { voter, effects });
    });
  }

  async create(name: string): Promise<{ created: boolean; witness_id: string }> {
    if (this.#awake !== null) return { created: false, witness_id: this.#awake.identity.witnessId };
    const identity = { name, witnessId: newWitnessId() };
    this.#storage.create(identity, NEW_WITNESS);
    const woken = wakeWitness(NEW_WITNESS, Date.now());
    this.#awake = { identity, credentials: new Map(), voter: woken.voter };
    this.#perform(this.#awake, woken);
    return { created: true, witness_id: identity.witnessId };
  }

  /** A node that had a token gets another: the former is void at once, and its links are closed. */
  async issueToken(node: string): ReturnType<ClusterApi['issueToken']> {
    const awake = this.#awake;
    if (awake === null) return { ok: false, reason: 'unknown_cluster' };
    const replaced = awake.credentials.has(node);
    if (!replaced && awake.credentials.size >= NODES_MAX) return { ok: false, reason: 'too_many_nodes' };
    const { token, credential } = newToken(awake.identity.witnessId);
    this.#storage.saveCredential(node, credential);
    awake.credentials.set(node, credential);
    this.#endSession(awake, node, 'the token of this node was replaced');
    return { ok: true, token, replaced };
  }

  /** The token is void at once. A vote that the node has binds on to its end: the node may own, and counts on it. */
  async revokeToken(node: string): ReturnType<ClusterApi['revokeToken']> {
    const awake = this.#awake;
    if (awake === null) return { ok: false, reason: 'unknown_cluster' };
    if (!awake.credentials.delete(node)) return { ok: false, reason: 'unknown_node' };
    this.#storage.removeCredential(node);
    this.#endSession(awake, node, 'the token of this node was revoked');
    return { ok: true };
  }

  async describe(caller: Caller): Promise<{ ok: true; view: ClusterView } | Denial> {
    const awake = this.#awake;
    if (awake === null) return { ok: false, reason: caller.kind === 'admin' ? 'unknown_cluster' : 'unauthorized' };
    if (caller.kind === 'node' && nodeOf(awake, caller.token) === null) return { ok: false, reason: 'unauthorized' };
    const { identity, credentials, voter } = awake;
    return { ok: true, view: clusterView(identity, [...credentials.keys()], voter, this.#links.heardAt(), Date.now()) };
  }

  async ask(token: string, request: WitnessRequest): ReturnType<ClusterApi['ask']> {
    const awake = this.#awake;
    const node = awake === null ? null : nodeOf(awake, token);
    if (awake === null || node === null) return { ok: false, reason: 'unauthorized' };
    if (request.type === 'hello' && request.protocol !== WITNESS_PROTOCOL) return { ok: false, reason: 'protocol' };
    const answer = this.#answer(awake, node, request);
    if (answer === null) return { ok: false, reason: 'too_many_groups' };
    return { ok: true, refused: isRefusal(answer.result), frame: answer.frame };
  }

  async fetch(request: Request): Promise<Response> {
    const awake = this.#awake;
    const token = bearerToken(request.headers.get('authorization'));
    const node = awake === null || token === null ? null : nodeOf(awake, token);
    if (node === null) return problem('unauthorized');
    const upgraded = { status: 101, webSocket: this.#links.accept(node, Date.now()) };
    return new Response(null, upgraded);
  }

  webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): void {
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
    } else if (request.data.protocol === WITNESS_PROTOCOL) {
      this.#links.reported(socket, attachment, request.data.groups, nowMs);
    } else {
      socket.close(CLOSE.policy, `this witness speaks protocol ${WITNESS_PROTOCOL} only`);
      return;
    }
    const answer = this.#answer(awake, attachment.node, request.data);
    if (answer === null) socket.close(CLOSE.policy, `more than ${GROUPS_MAX} groups`);
    else socket.send(JSON.stringify(answer.frame));
  }

  /** Without this the other side waits 10 s for the end of the closing handshake. */
  webSocketClose(socket: WebSocket, code: number, reason: string): void {
    socket.close(isSendable(code) ? code : 1000, reason);
  }

  webSocketError(socket: WebSocket): void {
    socket.close(1011, 'error on the link');
  }

  /** L12: wakes an instance that finds what a former one left held, waits TTL_MAX in it, and stores that it is free. */
  async alarm(): Promise<void> {
    this.#alarmAtMs = null;
    const awake = this.#awake;
    if (awake === null) return;
    if (witnessOwesWaiting(awake.voter)) await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
    this.#keepAlarm(awake);
  }

  #endSession(awake: Awake, node: string, reason: string): void {
    const answers = new Map(awake.voter.answers);
    answers.delete(node);
    awake.voter = { ...awake.voter, answers };
    this.#links.closeNode(node, CLOSE.policy, reason);
  }

  #answer(awake: Awake, node: string, request: WitnessRequest): { result: WitnessResult; frame: WitnessFrame } | null {
    const credential = awake.credentials.get(node);
    if (credential === undefined) throw new Error(`no credential of the authenticated node ${node}`);
    const nowMs = Date.now();
    const result =
      request.type === 'relay' ? this.#relay(awake, node, request, nowMs) : this.#decide(awake, node, request, nowMs);
    if (result === null) return null;
    const { incarnation, sequence } = request;
    const { witnessId: witness_id } = awake.identity;
    const { serial } = awake.voter;
    const frame = sign(
      { type: 'reply', witness_id, node, sequence, incarnation, stamp_ms: nowMs, serial, result },
      credential.replyKey,
    );
    return { result, frame };
  }

  #decide(awake: Awake, node: string, request: VotingRequest, nowMs: number): WitnessResult | null {
    const group = 'group' in request ? request.group : null;
    if (group !== null && !awake.voter.votes.has(group) && awake.voter.votes.size >= GROUPS_MAX) return null;
    const rivalHashes = group === null ? [] : this.#links.rivalHashes(node, group, nowMs);
    const { result, ...step } = decideWitness(awake.voter, { node, request, rivalHashes }, nowMs);
    this.#perform(awake, step);
    return result;
  }

  /** Passes a sealed datagram on between two nodes of this cluster; it neither reads nor keeps it (L17). */
  #relay(awake: Awake, from: string, { to, datagram }: RelayRequest, nowMs: number): WitnessResult {
    const credential = to === from ? undefined : awake.credentials.get(to);
    if (credential === undefined) return { kind: 'relay_refused', reason: 'unknown_node' };
    if (!this.#relayRate.take(from, nowMs)) return { kind: 'relay_refused', reason: 'rate' };
    const passedOn = { type: 'passed_on', witness_id: awake.identity.witnessId, from, datagram } as const;
    return { kind: 'relayed', delivered: this.#links.sendTo(to, sign(passedOn, credential.replyKey)) };
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
            this.#perform(awake, witnessTimerRanOut(awake.voter, timer, Date.now()));
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
          const credential = awake.credentials.get(node);
          return credential === undefined ? null : sign(freed, credential.replyKey);
        });
        return;
      }
    }
  }

  /** As long as anything is held, an alarm stands behind it. It is moved only when it rings: each move costs a row. */
  #keepAlarm(awake: Awake): void {
    if (this.#alarmAtMs !== null || !witnessHoldsVotes(awake.voter)) return;
    this.#alarmAtMs = Date.now() + ALARM_AFTER_MS;
    void this.ctx.storage.setAlarm(this.#alarmAtMs);
  }
}

function isRefusal({ kind }: WitnessResult): boolean {
  return kind === 'refused' || kind === 'relay_refused';
}

/** Whose token this is; every node is compared, so that the time tells nothing. */
function nodeOf(awake: Awake, token: string): string | null {
  const presented = readToken(token, awake.identity.witnessId);
  if (presented === null) return null;
  let found: string | null = null;
  for (const [node, credential] of awake.credentials) {
    if (sameText(credential.verifier, presented.verifier)) found = node;
  }
  return found;
}

/** RFC 6455, 7.4: what may stand in a close frame. 1005 and 1006 mean that there was none. */
function isSendable(code: number): boolean {
  return code === 1000 || (code >= 3000 && code <= 4999);
}
