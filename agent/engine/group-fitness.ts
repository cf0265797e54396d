import type { Fitness, Unfitness } from '@tiebreak/shared/lease';
import { type CheckView, type HealthSaid, reported, unreported } from '../checks/index.ts';
import type { CheckConfig } from '../config/index.ts';

/** 255 is for the addresses' own host (RFC 9568 section 5.2.4), and with 0 a router leaves: weights lead to neither. */
const WEIGHTED_MIN = 1;
const WEIGHTED_MAX = 254;

/** What the host around a group says for and against its owning it: links, checks, an operator. */
export class GroupFitness {
  #priority: number;
  #skewUsOf: (priority: number) => number;
  readonly #onChange: (fitness: Fitness) => void;
  readonly #lostLinks = new Set<string>();
  #checks: Map<string, CheckView>;
  #maintenance = false;

  constructor(options: {
    /** as configured */
    readonly priority: number;
    readonly skewUsOf: (priority: number) => number;
    readonly checks: readonly CheckConfig[];
    readonly onChange: (fitness: Fitness) => void;
  }) {
    this.#priority = options.priority;
    this.#skewUsOf = options.skewUsOf;
    this.#onChange = options.onChange;
    const nowMs = Date.now();
    this.#checks = new Map(options.checks.map((check) => [check.name, unreported(check, nowMs)]));
  }

  get checks(): CheckView[] {
    return [...this.#checks.values()];
  }

  get current(): Fitness {
    const priority = this.#weighted();
    return { priority, skewUs: this.#skewUsOf(priority), unfit: this.#unfit() };
  }

  /** Why the node may not own the group, for a person; undefined: it may. */
  reason(): string | undefined {
    switch (this.#unfit()) {
      case 'maintenance':
        return 'this node is in maintenance; end it with: tiebreak maintenance off';
      case 'link_lost':
        return `no link on ${[...this.#lostLinks].join(', ')}`;
      case 'check_failed': {
        const failing = this.checks.filter(isVeto).map(({ config, detail }) => `${config.name}: ${detail}`);
        return `check failing: ${failing.join('; ')}`;
      }
      case undefined:
        return undefined;
    }
  }

  /**
   * Goes on with another configuration; nobody is told. A check of the same name and kind is as it was until it has been
   * looked at again; of an interface that is not among `interfaces` nothing counts any more.
   */
  configure(to: {
    readonly priority: number;
    readonly skewUsOf: (priority: number) => number;
    readonly checks: readonly CheckConfig[];
    readonly interfaces: readonly string[];
  }): void {
    this.#priority = to.priority;
    this.#skewUsOf = to.skewUsOf;
    const nowMs = Date.now();
    const before = this.#checks;
    this.#checks = new Map(
      to.checks.map((config) => {
        const former = before.get(config.name);
        const view = former?.config.kind === config.kind ? { ...former, config } : unreported(config, nowMs);
        return [config.name, view];
      }),
    );
    for (const name of this.#lostLinks) if (!to.interfaces.includes(name)) this.#lostLinks.delete(name);
  }

  setMaintenance(on: boolean): void {
    this.#change(() => {
      this.#maintenance = on;
    });
  }

  /** An interface of the group has got its link, or lost it. */
  linkChanged(interfaceName: string, up: boolean): void {
    this.#change(() => {
      if (up) this.#lostLinks.delete(interfaceName);
      else this.#lostLinks.add(interfaceName);
    });
  }

  /** What was found of a check; false: the group has none of that name. */
  report(name: string, said: HealthSaid): boolean {
    const known = this.#checks.get(name);
    if (known === undefined) return false;
    this.#change(() => this.#checks.set(name, reported(known, said, Date.now())));
    return true;
  }

  #change(change: () => void): void {
    const before = this.current;
    change();
    const after = this.current;
    if (after.priority !== before.priority || after.unfit !== before.unfit) this.#onChange(after);
  }

  #unfit(): Unfitness | undefined {
    if (this.#maintenance) return 'maintenance';
    if (this.#lostLinks.size > 0) return 'link_lost';
    return this.checks.some(isVeto) ? 'check_failed' : undefined;
  }

  /** A positive weight is lost while its check fails, a negative one is added then. */
  #weighted(): number {
    let priority = this.#priority;
    if (priority > WEIGHTED_MAX) return priority;
    for (const { config, state } of this.#checks.values()) {
      if (config.weight > 0 && state !== 'failing') priority += config.weight;
      if (config.weight < 0 && state === 'failing') priority += config.weight;
    }
    return Math.max(WEIGHTED_MIN, Math.min(WEIGHTED_MAX, priority));
  }
}

function isVeto({ config, state }: CheckView): boolean {
  return config.weight === 0 && state === 'failing';
}
