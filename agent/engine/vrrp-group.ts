import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Unfitness } from '@tiebreak/shared/lease';
import {
  advertisedIntervalUs,
  initialRouters,
  nextDeadlineUs,
  type RouterEvent,
  type RouterParameters,
  type RouterState,
  type RoutersState,
  stepRouters,
} from '@tiebreak/shared/vrrp';
import type { VirtualRouterConfig, VrrpGroupConfig } from '../config/index.ts';
import type { Logger } from '../log/index.ts';
import { Transitions } from '../metrics/counters/index.ts';
import type { Alarm, Clock } from './clock.ts';
import type { GroupFitness } from './group-fitness.ts';
import { type GroupStanding, NO_BALLOT, type Standing } from './group-standing.ts';
import type { HeardAdvertisement } from './heard-advertisement.ts';
import type { PlainGuard } from './plain-guard.ts';
import { PlainRouter } from './plain-router.ts';
import type { Loop } from './progress.ts';
import type { ReconciledRouter } from './virtual-router.ts';

type VrrpGroupOptions = {
  readonly config: VrrpGroupConfig;
  /** In the order of the configuration. */
  readonly ios: readonly ReconciledRouter[];
  readonly guards: ReadonlyMap<VirtualRouterConfig, PlainGuard>;
  readonly standing: Pick<GroupStanding, 'note' | 'again'>;
  readonly clock: Clock;
  readonly log: Logger;
};

/** RFC 9568 section 6.1, Active_Down_Interval, without the skew. */
const DOWN_INTERVALS = 3;
/** A conflict lasts until no other Active Router has been heard for so long; it is told of once. */
const CONFLICT_US = 10_000_000;

/** A group in `mode = "vrrp"`: plain RFC 9568 among strangers, unprotected. Its virtual routers move together. */
export class VrrpGroup {
  #config: VrrpGroupConfig;
  /** Of all its virtual routers. */
  readonly transitions = new Transitions();
  readonly #routers: readonly PlainRouter[];
  readonly #alarms: readonly Alarm[];
  readonly #startAlarm: Alarm;
  readonly #standing: Pick<GroupStanding, 'note' | 'again'>;
  readonly #clock: Clock;
  readonly #log: Logger;
  /** Of each virtual router, as it is now. */
  #parameters: readonly RouterParameters[];
  #state: RoutersState;
  #running = false;
  #startsAtUs = 0;
  #sinceMs = Date.now();
  #cause = 'started';
  #lastProgressUs: number;
  /** CLOCK_BOOTTIME: when another Active Router was last heard, which gives up as soon as it hears of this one. */
  #conflictUs = Number.NEGATIVE_INFINITY;

  constructor({ config, ios, guards, standing, clock, log }: VrrpGroupOptions) {
    this.#config = config;
    this.#clock = clock;
    this.#lastProgressUs = clock.nowUs();
    this.#startAlarm = clock.alarm(() => this.#begin());
    this.#standing = standing;
    this.#log = log;
    this.#routers = ios.map(
      (io, index) =>
        new PlainRouter({
          io,
          group: config,
          guard: guards.get(io.config),
          transitions: this.transitions,
          log,
          onFitness: () => this.#fitnessChanged(index),
        }),
    );
    this.#parameters = this.#routers.map((router) => router.parameters);
    this.#alarms = ios.map((_, index) => clock.alarm(() => this.#dispatch(index, { kind: 'timer' })));
    this.#state = initialRouters(ios.length);
  }

  get config(): VrrpGroupConfig {
    return this.#config;
  }

  /** Goes on with another configuration of the same virtual routers, which know of it already. */
  configure(config: VrrpGroupConfig): void {
    this.#config = config;
    for (const [index, router] of this.#routers.entries()) {
      router.configure(config);
      this.#fitnessChanged(index);
    }
    if (this.#running) this.#noteStanding();
  }

  /** The fence opens for what it has been told that an owner has more. */
  holdGuards(): void {
    for (const [index, { kind }] of this.#state.routers.entries()) {
      if (kind === 'active') this.#routers[index]?.guard?.hold(this.#clock.nowUs());
    }
  }

  /** Of each virtual router; undefined for one without. */
  get guards(): (PlainGuard | undefined)[] {
    return this.#routers.map((router) => router.guard);
  }

  get states(): RouterState['kind'][] {
    return this.#state.routers.map(({ kind }) => kind);
  }

  /** What is not as it should be in the kernel, for a person. */
  get faults(): string[] {
    return this.#routers.flatMap((router) => router.faults);
  }

  /** Wall clock, ms: when a virtual router last changed its state. */
  get sinceMs(): number {
    return this.#sinceMs;
  }

  /** Of each virtual router. */
  get loops(): Loop[] {
    return this.#state.routers.map((state) => ({
      name: this.config.name,
      lastProgressUs: this.#lastProgressUs,
      dueUs: nextDeadlineUs(state) ?? Number.POSITIVE_INFINITY,
    }));
  }

  get name(): string {
    return this.config.name;
  }

  /** Each of its virtual routers has a priority of its own, which the same checks change. */
  get fitness(): Pick<GroupFitness, 'checks' | 'reason' | 'report'> {
    return {
      checks: this.#routers[0]?.fitness.checks ?? [],
      reason: () => this.#routers[0]?.fitness.reason(),
      report: (name, said) => this.#routers.map(({ fitness }) => fitness.report(name, said)).includes(true),
    };
  }

  /** Of each virtual router, with the weights of its checks. */
  get effectivePriorities(): number[] {
    return this.#routers.map(({ parameters }) => parameters.priority);
  }

  /** It is not on the wire, and owns nothing, before `notBeforeUs` (CLOCK_BOOTTIME). */
  start(notBeforeUs: number): void {
    this.#startsAtUs = notBeforeUs;
    if (notBeforeUs > this.#clock.nowUs()) this.#startAlarm.set(notBeforeUs);
    else this.#begin();
  }

  /** CLOCK_BOOTTIME: when it goes on the wire; 0 before it was started. */
  get startsAtUs(): number {
    return this.#startsAtUs;
  }

  #begin(): void {
    this.#running = true;
    for (const [index, { fitness }] of this.#routers.entries()) {
      if (fitness.current.unfit === undefined) this.#dispatch(index, { kind: 'startup' });
    }
    this.#noteStanding();
  }

  /** An advertisement for one of its virtual routers. */
  hear(config: VirtualRouterConfig, { advertisement, source }: HeardAdvertisement): void {
    const { priority } = advertisement;
    const index = this.config.virtualRouters.indexOf(config);
    this.#dispatch(index, {
      kind: 'advertisement',
      priority,
      source,
      intervalUs: advertisedIntervalUs(advertisement),
    });
  }

  /** The link of an interface that a virtual router advertises on has been lost, or is back. */
  linkChanged(name: string, up: boolean): void {
    const text = `${this.config.name}: the link of ${name} ${up ? 'is back' : 'is lost'}`;
    this.#log.warn({ group: this.config.name, interface: name, up }, text);
    // They move together, whichever of them advertises there.
    for (const { fitness } of this.#routers) fitness.linkChanged(name, up);
  }

  /** In maintenance it gives its virtual routers up as at its end, and begins anew after it. */
  setMaintenance(on: boolean): void {
    for (const { fitness } of this.#routers) fitness.setMaintenance(on);
  }

  /** Why it may not own; undefined: it may. */
  get unfit(): Unfitness | undefined {
    return this.#routers[0]?.fitness.current.unfit;
  }

  stop(): void {
    this.#running = false;
    this.#startAlarm.clear();
    for (const index of this.#routers.keys()) this.#dispatch(index, { kind: 'shutdown' });
    for (const alarm of this.#alarms) alarm.clear();
    this.#noteStanding();
  }

  /** An unfit router is one that is not there: it says so as at its end, and comes back as at its start. */
  #fitnessChanged(index: number): void {
    this.#parameters = this.#routers.map(({ parameters }) => parameters);
    const router = this.#routers[index];
    if (!this.#running || router === undefined) return;
    const { unfit } = router.fitness.current;
    const isOut = this.#state.routers[index]?.kind === 'initialize';
    if (unfit !== undefined && !isOut) {
      this.#log.warn({ group: this.name }, `${this.name}: gives up: ${router.fitness.reason()}`);
      this.#dispatch(index, { kind: 'shutdown' });
    }
    if (unfit === undefined && isOut) this.#dispatch(index, { kind: 'startup' });
    // One that stays out may be so for another reason now.
    if (unfit !== undefined && isOut) this.#noteStanding();
  }

  #dispatch(index: number, event: RouterEvent): void {
    const nowUs = this.#clock.nowUs();
    this.#lastProgressUs = nowUs;
    const before = this.#state;
    const { state, effects } = stepRouters(this.#parameters, before, index, event, nowUs);
    this.#state = state;
    // An owner is heard again, as nearly always, or a timer rang early: nothing else has changed.
    if (effects.length === 0) {
      this.#setAlarm(index);
      return;
    }
    for (const [at, to] of state.routers.entries()) {
      const from = before.routers[at];
      if (from !== undefined && from !== to) this.#routers[at]?.moved(from, to);
    }
    let cause: string | undefined;
    for (const { index: at, effect } of effects) {
      this.#routers[at]?.perform(effect, nowUs);
      if (effect.kind === 'change-state') cause ??= effect.cause;
    }
    for (const [at, to] of state.routers.entries()) {
      if (at === index || to !== before.routers[at]) this.#setAlarm(at);
    }
    if (cause !== undefined) {
      this.#cause = cause;
      this.#sinceMs = Date.now();
    }
    // Whoever hears an owner again is what it was.
    const isAsBefore = cause === undefined && state.routers.every(({ kind }) => kind === 'backup');
    if (!isAsBefore) this.#noteStanding();
    if (effects.some(({ effect }) => effect.kind === 'announce' && effect.cause === 'conflict')) {
      this.#tellOfConflict(nowUs);
    }
  }

  #setAlarm(index: number): void {
    const state = this.#state.routers[index];
    if (state === undefined) return;
    // While an owner is heard, the down timer never comes to ring; of one that waits for others of its group it does.
    const exact = state.kind === 'backup' && !this.#state.ready.has(index);
    this.#alarms[index]?.set(nextDeadlineUs(state) ?? Number.POSITIVE_INFINITY, exact);
  }

  #tellOfConflict(nowUs: number): void {
    const isNews = nowUs - this.#conflictUs > CONFLICT_US;
    this.#conflictUs = nowUs;
    const standing = this.#standingNow();
    if (isNews && standing !== undefined) this.#standing.again({ ...standing, cause: 'conflict_healed' });
  }

  #noteStanding(): void {
    this.#standing.note(this.#standingNow());
  }

  /** Undefined while its virtual routers own and the kernel answers for one of them not at all: it is tried again. */
  #standingNow(): Standing | undefined {
    const cause = this.#cause;
    const [first] = this.#routers;
    const base = { ballot: NO_BALLOT, priority: first?.parameters.priority ?? 0, ownership: undefined };
    if (!this.#running) return { ...base, state: 'stopped', cause: 'stop' };
    const { unfit } = this;
    // In maintenance nothing has failed.
    if (unfit !== undefined) return { ...base, state: unfit === 'maintenance' ? 'backup' : 'fault', cause: unfit };
    const isOwner = this.#state.routers.every(({ kind }) => kind === 'active');
    if (!isOwner) return { ...base, state: 'backup', cause };
    const untilUs = this.#ownedUntilUs();
    if (untilUs === undefined) return undefined;
    return { ...base, state: 'active', cause, ownership: { counter: 0, untilUs } };
  }

  /** Not for longer than until the peers miss the next advertisement, should this process stand still. Undefined: a guard is closed. */
  #ownedUntilUs(): number | undefined {
    const ends = this.#routers.flatMap(({ guard, parameters }) =>
      guard === undefined ? this.#lastProgressUs + DOWN_INTERVALS * parameters.intervalUs : (guard.openUntilUs ?? []),
    );
    return ends.length < this.#routers.length ? undefined : Math.min(...ends);
  }
}

/** Each one's priority 0 leaves before the kernel takes its time with the next one's addresses. */
export async function stopInTurn(groups: readonly VrrpGroup[]): Promise<void> {
  for (const group of groups) {
    group.stop();
    await nextTurn();
  }
}
