import { evictDurableObject, runInDurableObject } from 'cloudflare:test';
import { env, exports } from 'cloudflare:workers';
import { createHmac } from 'node:crypto';
import {
  LINK_PONG,
  NODE_TOKEN,
  REPLY_KEY_LABEL,
  WitnessFrame,
  WitnessMessage,
  type WitnessRequest,
  type WitnessResult,
} from '@tiebreak/shared/wire';
import { expect, vi } from 'vitest';
import { z } from 'zod';
import type { ClusterApi } from '../../witness/cluster-api.ts';
import { expectDescribed } from './described.ts';

export const ADMIN = 'the-admin-token-of-the-tests';
export const TTL_MAX_MS = 10_000;
export const HASH = '0123456789abcdef';

type Reply = Extract<WitnessMessage, { type: 'reply' }>;
type Body = Pick<Extract<WitnessRequest, { type: 'vote' }>, 'type' | 'group' | 'ballot'>;

/** A request as JSON will carry it: with whatever the test wants to get wrong. */
export type Draft = Record<string, unknown>;

/** Every answer, whatever the test wants of it, is one that the API's description knows. */
export async function call(path: string, token: string | null, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token !== null) headers.set('authorization', `Bearer ${token}`);
  const response = await exports.default.fetch(`https://witness.test${path}`, { ...init, headers });
  await expectDescribed(init.method ?? 'GET', path, response);
  return response;
}

export function put(path: string, token: string | null = ADMIN, body?: unknown): Promise<Response> {
  return call(path, token, { method: 'PUT', ...(body === undefined ? {} : { body: JSON.stringify(body) }) });
}

/** A cluster of its own for each test (the storage outlives a test), whose first waiting is over (L14). */
export async function newCluster(...nodes: string[]): Promise<Cluster> {
  // The first instance's timers run on no clock at all: neither is it waited for them, nor do they ring for another instance.
  const faked = vi.isFakeTimers();
  fakeTime();
  const cluster = await justCreatedCluster(...nodes);
  await runInDurableObject(cluster.stub, async (_, state) => {
    state.storage.sql.exec('UPDATE cluster SET recovering = 0');
    await state.storage.deleteAlarm();
  });
  await evictDurableObject(cluster.stub);
  vi.useRealTimers();
  if (faked) fakeTime();
  return cluster;
}

export function fakeTime(): void {
  vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] });
}

export async function justCreatedCluster(...nodes: string[]): Promise<Cluster> {
  const name = `c-${crypto.randomUUID()}`;
  const created = await put(`/v1/clusters/${name}`);
  const { witness_id } = z.object({ witness_id: z.string() }).parse(await created.json());
  const agents = new Map<string, Agent>();
  for (const node of nodes) {
    const issued = await put(`/v1/clusters/${name}/nodes/${node}`);
    const { token } = z.strictObject({ token: z.string() }).parse(await issued.json());
    agents.set(node, new Agent(name, witness_id, node, token));
  }
  return new Cluster(name, witness_id, agents);
}

export class Cluster {
  readonly name: string;
  readonly witnessId: string;
  readonly #agents: ReadonlyMap<string, Agent>;

  constructor(name: string, witnessId: string, agents: ReadonlyMap<string, Agent>) {
    this.name = name;
    this.witnessId = witnessId;
    this.#agents = agents;
  }

  agent(node: string): Agent {
    const agent = this.#agents.get(node);
    if (agent === undefined) throw new Error(`no agent ${node}`);
    return agent;
  }

  get stub(): ClusterApi {
    return env.CLUSTERS.get(env.CLUSTERS.idFromName(this.name));
  }

  /** Lets the instance's own (fake) timers run, in the instance. */
  async pass(ms: number): Promise<void> {
    await runInDurableObject(this.stub, async () => {
      await vi.advanceTimersByTimeAsync(ms);
    });
  }
}

/** An agent as the witness sees it: numbers its requests, echoes the last stamp, verifies what it is told. */
export class Agent {
  readonly cluster: string;
  readonly witnessId: string;
  readonly node: string;
  readonly token: string;
  sequence = 0;
  incarnation = 1;
  serial = 0;
  #stampMs = 0;
  #stampedAtMs = Date.now();

  constructor(cluster: string, witnessId: string, node: string, token: string) {
    this.cluster = cluster;
    this.witnessId = witnessId;
    this.node = node;
    this.token = token;
  }

  envelope(): Draft {
    this.sequence += 1;
    return this.#numbered();
  }

  /** The last number again: a repeat. */
  repeat(): Draft {
    return this.#numbered();
  }

  hello(configHash = HASH, group = 'edge'): Draft {
    return { type: 'hello', protocols: [1], groups: [{ group, config_hash: configHash }], ...this.envelope() };
  }

  vote(counter: number, more: Draft = {}): Draft {
    return { ...this.#about('vote', counter), promise_ms: 5_000, config_hash: HASH, ...this.envelope(), ...more };
  }

  release(counter: number, more: Draft = {}): Draft {
    return { ...this.#about('release', counter), ...this.envelope(), ...more };
  }

  relay(to: string, datagram: string, more: Draft = {}): Draft {
    return { type: 'relay', to, datagram: Buffer.from(datagram).toString('base64'), ...this.envelope(), ...more };
  }

  rehearsal(): Draft {
    return { type: 'rehearsal', ...this.envelope() };
  }

  /** By HTTPS, on the one route that takes any request. */
  async ask(draft: Draft): Promise<WitnessResult> {
    const response = await this.post('request', draft);
    expect([200, 409]).toContain(response.status);
    return this.read(await response.text()).result;
  }

  post(path: string, draft: Draft, method = 'POST'): Promise<Response> {
    return call(`/v1/clusters/${this.cluster}/${path}`, this.token, { method, body: JSON.stringify(draft) });
  }

  async welcome(): Promise<void> {
    expect(await this.ask(this.hello())).toEqual({ kind: 'welcome', protocol: 1 });
  }

  async connect(): Promise<Link> {
    const response = await call(`/v1/clusters/${this.cluster}/link`, this.token, { headers: { upgrade: 'websocket' } });
    expect(response.status).toBe(101);
    return new Link(this, Upgraded.parse(response).webSocket);
  }

  /** Verifies the frame with the key that the token stands for, and believes nothing else (L14). */
  read(text: string): Reply {
    const message = this.verify(text);
    if (message.type !== 'reply') throw new Error(`no reply: ${text}`);
    expect(message).toMatchObject({ node: this.node, incarnation: this.incarnation });
    this.#stampMs = message.stamp_ms;
    this.#stampedAtMs = Date.now();
    this.serial = Math.max(this.serial, message.serial);
    return message;
  }

  verify(text: string): WitnessMessage {
    const { body, mac } = WitnessFrame.parse(JSON.parse(text));
    expect(mac).toBe(createHmac('sha256', this.replyKey()).update(body).digest('hex'));
    const message = WitnessMessage.parse(JSON.parse(body));
    expect(message.witness_id).toBe(this.witnessId);
    return message;
  }

  replyKey(): Buffer {
    const secret = NODE_TOKEN.exec(this.token)?.[2] ?? '';
    return createHmac('sha256', Buffer.from(secret, 'hex')).update(REPLY_KEY_LABEL).digest();
  }

  #numbered(): Draft {
    return {
      sequence: this.sequence,
      incarnation: this.incarnation,
      stamp_ms: this.#stampMs,
      stamp_age_ms: Math.max(0, Date.now() - this.#stampedAtMs),
      serial: this.serial,
    };
  }

  #about(type: 'vote' | 'release', counter: number): Draft & Pick<Body, 'group' | 'ballot'> {
    return { type, group: 'edge', ballot: { counter, node: this.node } };
  }
}

type ClientSocket = {
  accept(): void;
  send(text: string | ArrayBuffer): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { code: number; reason: string }) => void): void;
};

export const Upgraded = z.object({
  webSocket: z.custom<ClientSocket>((socket) => typeof socket === 'object' && socket !== null),
});

export class Link {
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #agent: Agent;
  readonly #socket: ClientSocket;
  readonly #texts: string[] = [];
  #arrived: (() => void) | null = null;

  constructor(agent: Agent, socket: ClientSocket) {
    this.#agent = agent;
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener('close', ({ code, reason }) => resolve({ code, reason }));
    });
    socket.addEventListener('message', ({ data }) => {
      this.#texts.push(String(data));
      this.#arrived?.();
    });
    socket.accept();
  }

  send(draft: Draft | string | ArrayBuffer): void {
    this.#socket.send(typeof draft === 'string' || draft instanceof ArrayBuffer ? draft : JSON.stringify(draft));
  }

  async ask(draft: Draft): Promise<WitnessResult> {
    this.send(draft);
    return this.#agent.read(await this.next()).result;
  }

  async ping(): Promise<void> {
    this.send('ping');
    expect(await this.next()).toBe(LINK_PONG);
  }

  async next(): Promise<string> {
    while (this.#texts.length === 0) {
      await new Promise<void>((resolve) => {
        this.#arrived = resolve;
      });
    }
    return this.#texts.shift() ?? '';
  }

  /** What has come and was not asked for. */
  get unread(): readonly string[] {
    return this.#texts;
  }

  close(): void {
    this.#socket.close(1000, 'done');
  }
}
