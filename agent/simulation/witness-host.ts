import {
  compareBallots,
  decideWitness,
  TTL_MAX_MS,
  type WitnessAnswer,
  type WitnessEffect,
  type WitnessMemory,
  type WitnessQuestion,
  type WitnessRegister,
  type WitnessStep,
  type WitnessVoter,
  wakeWitness,
  witnessTimerRanOut,
} from '@tiebreak/shared/lease';
import type { WitnessMessage, WitnessRequest, WitnessResult } from '@tiebreak/shared/wire';
import type { Clock } from './clock.ts';
import type { WitnessName } from './group-identity.ts';
import type { Surroundings } from './surroundings.ts';

export const REPLY_KEY = Buffer.alloc(32, 7);

const RECORDED_MAX = 16;

/** 32 hex digits */
export function witnessId(name: WitnessName): string {
  return Buffer.from(name).toString('hex').padStart(32, '0');
}

const EMPTY_STORAGE: WitnessMemory = { serial: 0, recovering: false, registers: new Map(), answers: new Map() };

function replace<Key, Value>(map: Map<Key, Value>, content: ReadonlyMap<Key, Value>): void {
  map.clear();
  for (const [key, value] of content) map.set(key, value);
}

type Instance = {
  voter: WitnessVoter;
  /** when each timer that is still out ends, in real time */
  readonly timers: Map<number, number>;
  /** how far this host's wall clock is off */
  readonly wallOffsetMs: number;
  readonly startedAtUs: number;
  /** who held which group's vote when it woke, and has not released it since */
  readonly inherited: Map<string, string>;
};

/**
 * The witness: the real voter core over a storage that only the newest instance can write (L11). An instance that has
 * been superseded goes on hearing some of the requests for a while, as one with open connections does.
 */
export class WitnessHost {
  readonly name: WitnessName;
  readonly #around: Surroundings;
  readonly #clock: Clock;
  readonly #agents: readonly string[];
  readonly #hear: (node: string, message: WitnessMessage) => void;
  readonly #registers = new Map<string, WitnessRegister>();
  readonly #answers = new Map<string, WitnessAnswer>();
  #kept: WitnessMemory = EMPTY_STORAGE;
  /** the config hashes that each node's last hello named (L16) */
  readonly #hashes = new Map<string, Map<string, string>>();
  readonly #comparesHashes: boolean;
  readonly #decided: { readonly node: string; readonly request: WitnessRequest; readonly stored: boolean }[] = [];
  #serial = 0;
  #recovering = false;
  #current: Instance;
  #superseded: { instance: Instance; untilUs: number } | undefined;

  constructor(options: {
    name: WitnessName;
    around: Surroundings;
    clock: Clock;
    agents: readonly string[];
    comparesHashes: boolean;
    hear: (node: string, message: WitnessMessage) => void;
  }) {
    this.name = options.name;
    this.#around = options.around;
    this.#clock = options.clock;
    this.#agents = options.agents;
    this.#comparesHashes = options.comparesHashes;
    this.#hear = options.hear;
    this.#current = this.#wake(0);
  }

  /** A deploy, a host move, an end of hibernation: another instance, which knows what is stored and nothing else. */
  restart(supersededForUs: number, wallOffsetMs: number): void {
    this.#around.timeline.note(this.#around.schedule.nowUs, this.name, () => 'a new instance');
    this.#superseded = {
      instance: this.#current,
      untilUs: this.#around.schedule.nowUs + supersededForUs,
    };
    this.#current = this.#wake(wallOffsetMs);
    // A refusal costs no row: a new instance takes what was refused in the last 2 s for a request that comes late.
    this.#decided.splice(0, this.#decided.length, ...this.#decided.filter(({ stored }) => stored));
    this.#around.monitor.witnessChanged();
  }

  /** Storage loses what it has learned since it was last kept, or everything; the instance starts anew from it. */
  rollBack(everything: boolean): void {
    this.#around.timeline.note(this.#around.schedule.nowUs, this.name, () => 'storage is rolled back');
    const kept = everything ? EMPTY_STORAGE : this.#kept;
    this.#serial = kept.serial;
    this.#recovering = kept.recovering;
    replace(this.#registers, kept.registers);
    replace(this.#answers, kept.answers);
    this.#decided.length = 0;
    this.#superseded = undefined;
    this.#current = this.#wake(this.#current.wallOffsetMs);
    this.keepCopy();
  }

  /** The state that a rollback leads back to. */
  keepCopy(): void {
    this.#kept = {
      serial: this.#serial,
      recovering: this.#recovering,
      registers: new Map(this.#registers),
      answers: new Map(this.#answers),
    };
  }

  /** The answer; undefined when it could not be written down first, and so must not leave. */
  answer(node: string, request: WitnessRequest): WitnessMessage | undefined {
    const message = this.decide(node, request);
    if (message !== undefined) this.#around.monitor.witnessChanged();
    return message;
  }

  /** As `answer`, but nobody looks yet: for what happens at one moment in several steps. */
  decide(node: string, request: WitnessRequest): WitnessMessage | undefined {
    if (request.type === 'relay' || request.type === 'report') {
      throw new Error('the agents of this model have nothing passed on, and report nothing');
    }
    const instance = this.#instanceThatHears();
    const nowMs = this.#wallMs(instance);
    const { voter } = instance;
    const rivalHashes = this.#noteHashes(node, request);
    const { result, ...step } = decideWitness(voter, { node, request, rivalHashes }, nowMs);
    if (!this.#perform(instance, step)) return undefined;
    this.#around.timeline.note(this.#around.schedule.nowUs, this.name, () => {
      const ballot = 'ballot' in request ? ` for ${request.ballot.counter}.${request.ballot.node}` : '';
      return `${request.type}${ballot}: ${result.kind === 'refused' ? result.reason : result.kind}`;
    });
    const stored = step.effects.some(({ kind }) => kind.startsWith('store'));
    if (instance === this.#current) this.#decided.push({ node, request, stored });
    if (this.#decided.length > RECORDED_MAX) this.#decided.shift();
    this.#watch(instance, voter, { node, request, rivalHashes }, result);
    const { incarnation, sequence } = request;
    const order = { witness_id: witnessId(this.name), node, sequence, incarnation, stamp_ms: nowMs };
    return { type: 'reply', ...order, serial: instance.voter.serial, result };
  }

  /** Requests that were decided once come again, as from a stalled stream or a recording: none may change a vote (L13). */
  replay(): void {
    for (const { node, request } of this.#decided.slice()) {
      if (request.type !== 'vote' && request.type !== 'release') continue;
      const before = this.#registers.get(request.group);
      this.decide(node, request);
      const after = this.#registers.get(request.group);
      if (before !== after) this.#around.monitor.believedTwice({ node: this.name }, request.type);
    }
  }

  #noteHashes(node: string, request: WitnessRequest): string[] {
    if (request.type === 'hello') {
      this.#hashes.set(node, new Map(request.groups.map(({ group, config_hash }) => [group, config_hash])));
    }
    if (request.type !== 'vote' || !this.#comparesHashes) return [];
    const others = this.#agents.filter((other) => other !== node);
    return others.flatMap((other) => this.#hashes.get(other)?.get(request.group) ?? []);
  }

  /** L1, L11, L12, L16: what this answer promises, against what is stored and what was promised before. */
  #watch(
    instance: Instance,
    before: WitnessVoter,
    { node, request, rivalHashes }: WitnessQuestion,
    result: WitnessResult,
  ): void {
    const { monitor, schedule } = this.#around;
    if (request.type === 'release' && result.kind === 'released' && instance.inherited.get(request.group) === node) {
      instance.inherited.delete(request.group);
    }
    if (result.kind !== 'granted') return;
    const isOf = (answer: WitnessAnswer | undefined): boolean =>
      answer?.sequence === request.sequence && answer.incarnation === request.incarnation;
    // L13: the stored answer to a request that came again promises nothing new, whichever instance remembers it.
    if (isOf(before.answers.get(node))) return;
    const register = this.#registers.get(result.group);
    const covers = register !== undefined && compareBallots(register.ballot, result.ballot) >= 0;
    if (!isOf(this.#answers.get(node)) || !covers) monitor.answeredUnstored(node, result.ballot);
    const vote = before.votes.get(result.group);
    const isHeld = vote?.kind === 'held' && this.#endUs(vote.binding, instance) > schedule.nowUs;
    const inherited = instance.inherited.get(result.group);
    const waitedUs = (schedule.nowUs - instance.startedAtUs) * this.#clock.rate;
    const holder = inherited !== undefined && waitedUs < TTL_MAX_MS * 1000 ? inherited : isHeld && vote.ballot.node;
    if (holder !== false && holder !== node) monitor.witnessMovedVote(holder, node);
    const { config_hash: hash } = request.type === 'vote' ? request : { config_hash: '' };
    const isRenewal = holder === node && vote?.kind === 'held' && vote.configHash === hash;
    if (!isRenewal && rivalHashes.some((rival) => rival !== hash)) monitor.crossedConfigurations(this.name, node);
  }

  /** Of the newest grant. */
  get serial(): number {
    return this.#serial;
  }

  holder(group: string): string | undefined {
    const vote = this.#current.voter.votes.get(group);
    return vote?.kind === 'held' ? vote.ballot.node : undefined;
  }

  /** Until when, in real time, the witness gives its vote to nobody but `node`; -Infinity when it is free for others. */
  boundUntilUs(group: string, node: string): number {
    const { voter } = this.#current;
    const vote = voter.votes.get(group);
    // One that knows that it has forgotten gives its vote to nobody (L14).
    const recoveredUs = voter.recovery === null ? Number.NEGATIVE_INFINITY : this.#endUs(voter.recovery);
    if (vote?.kind !== 'held' || vote.ballot.node !== node) return recoveredUs;
    return Math.max(recoveredUs, this.#endUs(vote.binding));
  }

  #endUs(binding: NonNullable<WitnessVoter['recovery']>, instance = this.#current): number {
    const { timers, wallOffsetMs } = instance;
    const wallUs = this.#clock.realUs((binding.untilMs - wallOffsetMs) * 1000);
    const timersUs = binding.waits.map(({ timer }) => timers.get(timer) ?? Number.NEGATIVE_INFINITY);
    return Math.max(wallUs, ...timersUs);
  }

  #instanceThatHears(): Instance {
    const { schedule, random } = this.#around;
    const former = this.#superseded;
    if (former === undefined || schedule.nowUs >= former.untilUs) return this.#current;
    return random.chance(0.5) ? former.instance : this.#current;
  }

  #wake(wallOffsetMs: number): Instance {
    const memory: WitnessMemory = {
      serial: this.#serial,
      recovering: this.#recovering,
      registers: this.#around.tampering.witness === 'no_wait' ? new Map() : new Map(this.#registers),
      answers: new Map(this.#answers),
    };
    const startedAtUs = this.#around.schedule.nowUs;
    const nowMs = Math.floor(this.#clock.localUs(startedAtUs) / 1000) + wallOffsetMs;
    const step = wakeWitness(memory, nowMs);
    const inherited = new Map<string, string>();
    for (const [group, register] of this.#registers) {
      if (register.kind === 'held') inherited.set(group, register.ballot.node);
    }
    const instance: Instance = { voter: step.voter, timers: new Map(), wallOffsetMs, startedAtUs, inherited };
    for (const effect of step.effects) this.#performOne(instance, effect);
    return instance;
  }

  /** All or nothing, as the output gate has it: false if a superseded instance would have had to write. */
  #perform(instance: Instance, step: WitnessStep): boolean {
    const writes = step.effects.some(({ kind }) => kind.startsWith('store'));
    if (writes && instance !== this.#current) {
      if (this.#around.tampering.witness !== 'from_memory') return false;
      instance.voter = step.voter;
      return true;
    }
    instance.voter = step.voter;
    for (const effect of step.effects) this.#performOne(instance, effect);
    return true;
  }

  #performOne(instance: Instance, effect: WitnessEffect): void {
    switch (effect.kind) {
      case 'store_vote':
        this.#registers.set(effect.group, effect.register);
        this.#serial = effect.serial;
        if (effect.answered !== null) this.#answers.set(effect.answered.node, effect.answered.answer);
        return;
      case 'store_answer':
        this.#answers.set(effect.node, effect.answer);
        return;
      case 'store_recovery':
        this.#serial = effect.serial;
        this.#recovering = effect.recovering;
        return;
      case 'start_timer':
        this.#startTimer(instance, effect.timer, effect.delayMs);
        return;
      case 'stop_timer':
        instance.timers.delete(effect.timer);
        return;
      case 'announce_free':
        for (const node of this.#agents) {
          if (node !== effect.except) this.#announce(node, effect.group);
        }
        return;
    }
  }

  #startTimer(instance: Instance, timer: number, delayMs: number): void {
    const { schedule, monitor } = this.#around;
    const endUs = schedule.nowUs + Math.ceil((delayMs * 1000) / this.#clock.rate);
    instance.timers.set(timer, endUs);
    schedule.at(endUs, () => {
      if (!instance.timers.delete(timer)) return;
      this.#perform(instance, witnessTimerRanOut(instance.voter, timer, this.#wallMs(instance)));
      monitor.witnessChanged();
    });
  }

  #announce(node: string, group: string): void {
    const message: WitnessMessage = { type: 'freed', witness_id: witnessId(this.name), group };
    this.#around.network.send(this.name, node, () => this.#hear(node, message));
  }

  /** The runtime's clock: whole milliseconds. */
  #wallMs(instance: Instance): number {
    return Math.floor(this.#clock.localUs(this.#around.schedule.nowUs) / 1000) + instance.wallOffsetMs;
  }
}
