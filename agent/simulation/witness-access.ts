import { createHmac } from 'node:crypto';
import type { Ballot } from '@tiebreak/shared/lease';
import type { WitnessMessage, WitnessRequest } from '@tiebreak/shared/wire';
import { type Effect, WitnessSession } from '../witness-link/session.ts';
import type { AgentShell } from './agent-shell.ts';
import type { WitnessName } from './group-identity.ts';
import type { Surroundings } from './surroundings.ts';
import { REPLY_KEY, type WitnessHost, witnessId } from './witness-host.ts';

const RECONNECT_US = 10_000_000;
const PING_US = 1_000_000;
const PONG_DEADLINE_US = 2_500_000;
const ANOTHER_WITNESS_ID = 'f'.repeat(32);
const ANOTHER_KEY = Buffer.alloc(32, 9);

/** One agent's way to one witness: the real session; socket and HTTPS alike are datagrams here, and so even worse. */
export class WitnessAccess {
  readonly #around: Surroundings;
  readonly #agent: AgentShell;
  readonly #host: WitnessHost;
  readonly #group: string;
  readonly #configHash: () => string | undefined;
  readonly #pings: boolean;
  readonly name: WitnessName;
  /** Of this run: it numbers the requests of all its links, or the witness would take them for old ones (L13). */
  #session: WitnessSession | undefined;
  #incarnation = 0;
  /** The link that is open. */
  #link: object | undefined;
  #serial = 0;
  #pongAtUs = Number.NEGATIVE_INFINITY;
  #reachable = false;
  #tickAtUs = Number.POSITIVE_INFINITY;
  #lastVote: Extract<WitnessRequest, { type: 'vote' }> | undefined;

  constructor(options: {
    around: Surroundings;
    agent: AgentShell;
    host: WitnessHost;
    group: string;
    /** what the witness is told that the group goes by; undefined: nothing that another node could contradict */
    configHash: () => string | undefined;
    /** whether to look all the time if the witness is in reach */
    pings: boolean;
  }) {
    this.#around = options.around;
    this.#agent = options.agent;
    this.#host = options.host;
    this.#group = options.group;
    this.#configHash = options.configHash;
    this.#pings = options.pings;
    this.name = options.host.name;
  }

  /** Opens a link, in place of the one that there may be. */
  start(incarnation: number): void {
    if (this.#session === undefined || this.#incarnation !== incarnation) this.#session = this.#begin(incarnation);
    this.#incarnation = incarnation;
    const link = {};
    this.#link = link;
    this.#tickAtUs = Number.POSITIVE_INFINITY;
    this.#pongAtUs = Number.NEGATIVE_INFINITY;
    this.#reachable = false;
    this.#connect(link);
    if (this.#pings) this.#ping(link);
  }

  #begin(incarnation: number): WitnessSession {
    return new WitnessSession({
      node: this.#agent.node,
      incarnation,
      witnessId: witnessId(this.name),
      replyKey: REPLY_KEY,
      serial: this.#serial,
      groups: () => {
        const configHash = this.#configHash();
        return configHash === undefined ? [] : [{ group: this.#group, configHash }];
      },
    });
  }

  /** The highest grant serial that a running agent can show (L14). */
  get knownSerial(): number {
    return this.#link === undefined ? -1 : this.#serial;
  }

  end(): void {
    this.#link = undefined;
  }

  vote(ballot: Ballot, promiseMs: number): void {
    if (this.#session === undefined || this.#link === undefined) return;
    this.#perform(this.#session.vote(this.#group, ballot, promiseMs, this.#agent.localUs()).effects);
  }

  release(ballot: Ballot): void {
    if (this.#session === undefined || this.#link === undefined) return;
    this.#perform(this.#session.release(this.#group, ballot, this.#agent.localUs()).effects);
  }

  /** The object was reset, which closes the link: the agent opens it again, and says hello with its serial (L14). */
  reopen(): void {
    if (this.#link === undefined) return;
    const effects = this.#session?.socketOpened(this.#agent.localUs()) ?? [];
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      const { tampering } = this.#around;
      const forgetful = tampering.witness === 'no_serial' ? { ...effect.request, serial: 0 } : effect.request;
      this.#host.decide(this.#agent.node, forgetful);
    }
  }

  /** The keeper's part: a link that is opened again and again, and so keeps its stamp fresh. */
  #connect(link: object): void {
    if (this.#link !== link) return;
    this.#agent.take(() => {
      if (this.#link === link) this.#perform(this.#session?.socketOpened(this.#agent.localUs()) ?? []);
    });
    this.#around.schedule.after(RECONNECT_US, () => this.#connect(link));
  }

  /** The ping each second whose answer comes from the runtime, and is no vote. */
  #ping(link: object): void {
    if (this.#link !== link) return;
    const { schedule, network } = this.#around;
    const { node } = this.#agent;
    network.send(node, this.name, () =>
      network.send(this.name, node, () => {
        this.#pongAtUs = schedule.nowUs;
        this.#noteReachable(link);
      }),
    );
    this.#noteReachable(link);
    schedule.after(PING_US, () => this.#ping(link));
  }

  #noteReachable(link: object): void {
    const reachable = this.#around.schedule.nowUs - this.#pongAtUs < PONG_DEADLINE_US;
    if (this.#link !== link || reachable === this.#reachable) return;
    this.#reachable = reachable;
    this.#agent.take(() => {
      if (this.#link === link) this.#agent.dispatch({ type: 'witness-reachable', reachable });
    });
  }

  #send(request: WitnessRequest): void {
    if (request.type === 'vote') this.#lastVote = request;
    const { node, incarnation } = this.#agent;
    this.#around.network.send(node, this.name, () => {
      const message = this.#host.answer(node, request);
      if (message === undefined) return;
      this.#around.network.send(this.name, node, () => {
        if (this.#agent.incarnation === incarnation) this.hear(message);
      });
    });
  }

  /** A message whose frame would have been believed: the frame itself is proven elsewhere. */
  hear(message: WitnessMessage): void {
    this.#agent.take(() => {
      const session = this.#session;
      if (session !== undefined && this.#link !== undefined)
        this.#perform(session.hear('socket', message, this.#agent.localUs()));
    });
  }

  /** Another deployment under its own name, and a forger under the true one: real frames, of which none may count (L14). */
  hearAnotherWitness(): void {
    const [session, asked] = [this.#session, this.#lastVote];
    if (session === undefined || this.#link === undefined || asked === undefined) return;
    const { group, ballot, promise_ms, sequence, incarnation } = asked;
    const { node } = this.#agent;
    const result = { kind: 'granted', group, ballot, promise_ms } as const;
    const order = { node, sequence, incarnation, stamp_ms: asked.stamp_ms, serial: asked.serial };
    const message = (witness_id: string): WitnessMessage => ({ type: 'reply', witness_id, ...order, result });
    for (const frame of [
      sign(message(ANOTHER_WITNESS_ID), REPLY_KEY),
      sign(message(witnessId(this.name)), ANOTHER_KEY),
    ]) {
      const effects = session.receive('socket', frame, this.#agent.localUs());
      if (effects.some(({ kind }) => kind !== 'dropped')) this.#around.monitor.believedForgery(this.#agent);
      this.#perform(effects);
    }
  }

  #perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.kind === 'send') this.#send(effect.request);
      else if (effect.kind === 'serial') this.#serial = effect.serial;
      else if (effect.kind === 'freed') this.#agent.dispatch({ type: 'witness-freed' });
      else if (effect.kind === 'reply') this.#tell(effect);
    }
    this.#armTick();
  }

  #tell({ reply: { result, sentAtUs } }: Extract<Effect, { kind: 'reply' }>): void {
    if (result.kind === 'granted') {
      const { ballot, promise_ms: promiseMs } = result;
      this.#agent.dispatch({ type: 'witness-granted', ballot, promiseMs, sentAtUs });
    } else if (result.kind === 'refused') {
      const { reason, remaining_ms: remainingMs, highest, holder } = result;
      this.#agent.dispatch({ type: 'witness-refused', reason, remainingMs, highest, holder: holder ?? undefined });
    }
  }

  #armTick(): void {
    const session = this.#session;
    if (session === undefined) return;
    const dueUs = session.nextDeadlineUs();
    if (dueUs === Number.POSITIVE_INFINITY) return;
    const atUs = this.#agent.clock.firstRealUsAtOrAfter(dueUs);
    if (atUs >= this.#tickAtUs && this.#tickAtUs > this.#around.schedule.nowUs) return;
    this.#tickAtUs = atUs;
    this.#around.schedule.at(atUs, () => {
      if (this.#tickAtUs === atUs) this.#tickAtUs = Number.POSITIVE_INFINITY;
      this.#agent.take(() => {
        if (this.#session === session && this.#link !== undefined) this.#perform(session.tick(this.#agent.localUs()));
      });
    });
  }
}

function sign(message: WitnessMessage, key: Buffer): string {
  const body = JSON.stringify(message);
  return JSON.stringify({ body, mac: createHmac('sha256', key).update(body).digest('hex') });
}
