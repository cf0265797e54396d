import type { Fitness } from '@tiebreak/shared/lease';
import {
  advertisedIntervalUs,
  INITIALIZE,
  nextDeadlineUs,
  RELEASE_PRIORITY,
  type RouterEffect,
  type RouterEvent,
  type RouterParameters,
  type RouterState,
  routerParameters,
  skewTimeUs,
  step,
} from '@tiebreak/shared/vrrp';
import type { VirtualRouterConfig, VrrpGroupConfig } from '../config/index.ts';
import { boottimeUs } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { Transitions } from '../metrics/counters/index.ts';
import { Deadline } from './deadline.ts';
import { GroupFitness } from './group-fitness.ts';
import type { PlainGuard } from './plain-guard.ts';
import type { Loop } from './progress.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import type { HeardAdvertisement, ReconciledRouter } from './virtual-router.ts';

/**
 * The loop of one virtual router in `mode = "vrrp"`: plain RFC 9568 among strangers, unprotected. Its guard, where there is
 * one, ends what the kernel answers when this process no longer advertises (DESIGN section 3).
 */
class PlainRouter {
  readonly #io: ReconciledRouter;
  readonly guard: PlainGuard | undefined;
  readonly #log: Logger;
  readonly #complaints: RateLimitedLog;
  readonly #transitions: Transitions;
  readonly fitness: GroupFitness;
  #parameters: RouterParameters;
  #running = false;
  readonly #alarm = new Deadline(() => this.#dispatch({ kind: 'timer' }));
  #state: RouterState = INITIALIZE;
  #sinceMs = Date.now();
  #lastProgressUs = boottimeUs();

  constructor(
    io: ReconciledRouter,
    group: VrrpGroupConfig,
    guard: PlainGuard | undefined,
    transitions: Transitions,
    log: Logger,
  ) {
    this.#transitions = transitions;
    this.#io = io;
    this.guard = guard;
    this.#log = log;
    this.#complaints = new RateLimitedLog(log);
    const { advertisementIntervalUs: intervalUs, priority, version } = io.config;
    this.fitness = new GroupFitness({
      priority,
      skewUsOf: (weighted) => skewTimeUs(version, weighted, intervalUs),
      checks: group.checks,
      onChange: (fitness) => this.#fitnessChanged(fitness),
    });
    this.#parameters = routerParameters({
      version,
      priority: this.fitness.current.priority,
      intervalUs,
      preempt: group.preempt,
      preemptDelayUs: group.preemptDelayUs,
      primaryAddress: io.primaryAddress,
    });
  }

  get effectivePriority(): number {
    return this.#parameters.priority;
  }

  get state(): RouterState {
    return this.#state;
  }

  get faults(): string[] {
    return this.#io.faults();
  }

  get sinceMs(): number {
    return this.#sinceMs;
  }

  get lastProgressUs(): number {
    return this.#lastProgressUs;
  }

  get dueUs(): number {
    return nextDeadlineUs(this.#state) ?? Number.POSITIVE_INFINITY;
  }

  start(): void {
    this.#running = true;
    if (this.fitness.current.unfit === undefined) this.#dispatch({ kind: 'startup' });
  }

  stop(): void {
    this.#running = false;
    this.#dispatch({ kind: 'shutdown' });
    this.#alarm.clear();
  }

  hear({ advertisement, source }: HeardAdvertisement): void {
    const { priority } = advertisement;
    this.#dispatch({ kind: 'advertisement', priority, source, intervalUs: advertisedIntervalUs(advertisement) });
  }

  get #where(): { readonly interface: string; readonly virtual_router_id: number } {
    return { interface: this.#io.config.interface, virtual_router_id: this.#io.config.virtualRouterId };
  }

  /** An unfit router is one that is not there: it says so as at its end, and comes back as at its start. */
  #fitnessChanged({ priority, unfit }: Fitness): void {
    this.#parameters = { ...this.#parameters, priority };
    if (!this.#running) return;
    if (unfit !== undefined && this.#state.kind !== 'initialize') {
      this.#log.warn(this.#where, `gives up: ${this.fitness.reason()}`);
      this.#dispatch({ kind: 'shutdown' });
    }
    if (unfit === undefined && this.#state.kind === 'initialize') this.#dispatch({ kind: 'startup' });
  }

  #dispatch(event: RouterEvent): void {
    const nowUs = boottimeUs();
    this.#lastProgressUs = nowUs;
    const before = this.#state.kind;
    const { state, effects } = step(this.#parameters, this.#state, event, nowUs);
    this.#state = state;
    // First of all: what a closed guard holds back would be lost (section 4, Order).
    if (state.kind === 'active' && before !== 'active') this.guard?.open();
    if (state.kind !== 'active' && before === 'active') this.guard?.close();
    for (const effect of effects) this.#perform(effect);
    this.#alarm.set(nextDeadlineUs(this.#state) ?? Number.POSITIVE_INFINITY);
  }

  #advertise(priority: number): void {
    if (priority === RELEASE_PRIORITY || this.guard === undefined || this.guard.hold()) {
      this.#io.advertise(priority);
      return;
    }
    this.#log.warn({ interface: this.#io.config.interface }, 'stood still for longer than the down time; owns on');
    this.#io.advertise(priority);
    // Another router may have taken over meanwhile, and every neighbour cache with it.
    this.#io.announce();
  }

  #perform(effect: RouterEffect): void {
    const where = this.#where;
    switch (effect.kind) {
      case 'send-advertisement':
        this.#advertise(effect.priority);
        return;
      case 'add-addresses':
        this.#io.addAddresses();
        return;
      case 'remove-addresses':
        this.#io.removeAddresses();
        return;
      case 'announce':
        this.#io.announce();
        return;
      case 'adopt-interval':
        this.#log.info(
          { ...where, interval_us: effect.intervalUs },
          "the Active Router's advertisement interval differs",
        );
        return;
      case 'discard':
        this.#io.traffic.discard(effect.reason);
        if (effect.reason === 'inferior') return;
        this.#complaints.warn(effect.reason, where, `discarded an advertisement: ${effect.reason}`);
        return;
      case 'change-state':
        this.#sinceMs = Date.now();
        this.#transitions.count(effect);
        this.#log.warn(
          { ...where, from: effect.from, to: effect.to, cause: effect.cause },
          `virtual router ${where.virtual_router_id} on ${where.interface}: ${effect.from} -> ${effect.to}: ${effect.cause} (unprotected: plain VRRP, no votes)`,
        );
        return;
    }
  }
}

/** A group in `mode = "vrrp"`: its virtual routers run side by side. */
export class VrrpGroup {
  readonly config: VrrpGroupConfig;
  /** Of all its virtual routers. */
  readonly transitions = new Transitions();
  readonly #routers: readonly PlainRouter[];
  readonly #log: Logger;

  constructor(
    config: VrrpGroupConfig,
    ios: readonly ReconciledRouter[],
    guards: ReadonlyMap<VirtualRouterConfig, PlainGuard>,
    log: Logger,
  ) {
    this.config = config;
    this.#log = log;
    this.#routers = ios.map((io) => new PlainRouter(io, config, guards.get(io.config), this.transitions, log));
  }

  /** Of each virtual router; undefined for one without. */
  get guards(): (PlainGuard | undefined)[] {
    return this.#routers.map((router) => router.guard);
  }

  get states(): RouterState['kind'][] {
    return this.#routers.map((router) => router.state.kind);
  }

  /** What is not as it should be in the kernel, for a person. */
  get faults(): string[] {
    return this.#routers.flatMap((router) => router.faults);
  }

  get sinceMs(): number {
    return Math.max(...this.#routers.map((router) => router.sinceMs));
  }

  /** Of each virtual router. */
  get loops(): Loop[] {
    return this.#routers.map(({ lastProgressUs, dueUs }) => ({ name: this.config.name, lastProgressUs, dueUs }));
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
    return this.#routers.map((router) => router.effectivePriority);
  }

  start(): void {
    for (const router of this.#routers) router.start();
  }

  /** An advertisement for one of its virtual routers. */
  hear(config: VirtualRouterConfig, heard: HeardAdvertisement): void {
    this.#routers[this.config.virtualRouters.indexOf(config)]?.hear(heard);
  }

  /** The link of an interface that a virtual router advertises on has been lost, or is back. */
  linkChanged(name: string, up: boolean): void {
    const text = `${this.config.name}: the link of ${name} ${up ? 'is back' : 'is lost'}`;
    this.#log.warn({ group: this.config.name, interface: name, up }, text);
  }

  stop(): void {
    for (const router of this.#routers) router.stop();
  }
}
