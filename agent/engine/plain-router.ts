import {
  RELEASE_PRIORITY,
  type RouterEffect,
  type RouterParameters,
  type RouterState,
  routerParameters,
  skewTimeUs,
} from '@tiebreak/shared/vrrp';
import type { VrrpGroupConfig } from '../config/index.ts';
import type { Logger } from '../log/index.ts';
import type { Transitions } from '../metrics/counters/index.ts';
import { GroupFitness } from './group-fitness.ts';
import type { PlainGuard } from './plain-guard.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import type { ReconciledRouter } from './virtual-router.ts';

/**
 * What one virtual router in `mode = "vrrp"` does. Its guard, where there is one, ends what the kernel answers when this process
 * no longer advertises (DESIGN section 3).
 */
export class PlainRouter {
  readonly #io: ReconciledRouter;
  readonly guard: PlainGuard | undefined;
  readonly fitness: GroupFitness;
  readonly #log: Logger;
  readonly #transitions: Transitions;
  readonly #complaints: RateLimitedLog;
  #parameters: RouterParameters;

  constructor(options: {
    readonly io: ReconciledRouter;
    readonly group: VrrpGroupConfig;
    readonly guard: PlainGuard | undefined;
    readonly transitions: Transitions;
    readonly log: Logger;
    readonly onFitness: () => void;
  }) {
    const { io, group, guard, transitions, log, onFitness } = options;
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
      onChange: (fitness) => {
        this.#parameters = { ...this.#parameters, priority: fitness.priority };
        onFitness();
      },
    });
    this.#parameters = parametersOf(group, io, this.fitness);
  }

  /** Goes on with what `io` and the group are configured to be now. */
  configure(group: VrrpGroupConfig): void {
    const { advertisementIntervalUs: intervalUs, interface: name, priority, version } = this.#io.config;
    this.fitness.configure({
      priority,
      skewUsOf: (weighted) => skewTimeUs(version, weighted, intervalUs),
      checks: group.checks,
      interfaces: [...new Set([name, ...group.virtualRouters.map((router) => router.interface)])],
    });
    this.#parameters = parametersOf(group, this.#io, this.fitness);
  }

  /** With the weights of its checks. */
  get parameters(): RouterParameters {
    return this.#parameters;
  }

  get faults(): string[] {
    return this.#io.faults();
  }

  /** Before any effect of the step: what a closed guard holds back would be lost (DESIGN section 4, Order). */
  moved(from: RouterState, to: RouterState): void {
    if (to.kind === 'active' && from.kind !== 'active') this.guard?.open();
    if (to.kind !== 'active' && from.kind === 'active') this.guard?.close();
  }

  perform(effect: RouterEffect, nowUs: number): void {
    const { interface: name, virtualRouterId } = this.#io.config;
    const where = { interface: name, virtual_router_id: virtualRouterId };
    switch (effect.kind) {
      case 'send-advertisement':
        this.#advertise(effect.priority, nowUs);
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
      case 'adopt-interval': {
        const { intervalUs } = effect;
        this.#log.info({ ...where, interval_us: intervalUs }, "the Active Router's advertisement interval differs");
        return;
      }
      case 'discard':
        this.#io.traffic.discard(effect.reason);
        if (effect.reason === 'inferior') return;
        this.#complaints.warn(effect.reason, where, `discarded an advertisement: ${effect.reason}`);
        return;
      case 'change-state': {
        const { from, to, cause } = effect;
        this.#transitions.count(effect);
        this.#log.warn(
          { ...where, from, to, cause },
          `virtual router ${virtualRouterId} on ${name}: ${from} -> ${to}: ${cause} (unprotected: plain VRRP, no votes)`,
        );
        return;
      }
    }
  }

  #advertise(priority: number, nowUs: number): void {
    if (priority === RELEASE_PRIORITY || this.guard === undefined || this.guard.hold(nowUs)) {
      this.#io.advertise(priority);
      return;
    }
    this.#log.warn({ interface: this.#io.config.interface }, 'stood still for longer than the down time; owns on');
    this.#io.advertise(priority);
    // Another router may have taken over meanwhile, and every neighbour cache with it.
    this.#io.announce();
  }
}

function parametersOf(
  { preempt, preemptDelayUs }: VrrpGroupConfig,
  { config, primaryAddress }: ReconciledRouter,
  { current: { priority } }: GroupFitness,
): RouterParameters {
  const { version, advertisementIntervalUs: intervalUs } = config;
  return routerParameters({ version, priority, intervalUs, preempt, preemptDelayUs, primaryAddress });
}
