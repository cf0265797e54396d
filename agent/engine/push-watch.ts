import type { PushCheckConfig } from '../config/index.ts';
import { formatDuration } from '../config/index.ts';
import type { CheckedGroup } from './checks.ts';
import { type Alarm, type Clock, SYSTEM_CLOCK } from './clock.ts';

type Watched = {
  readonly group: CheckedGroup;
  readonly check: PushCheckConfig;
  readonly ttlMs: number;
  readonly deadline: Alarm;
};

/** A push check with a `ttl` fails if nobody has reported for so long: who reports may be dead as well. */
export class PushWatch {
  readonly #groups: () => readonly CheckedGroup[];
  readonly #clock: Clock;
  #watched: readonly Watched[] = [];

  /** `groups`: as they are now. */
  constructor(groups: () => readonly CheckedGroup[], clock: Clock = SYSTEM_CLOCK) {
    this.#groups = groups;
    this.#clock = clock;
  }

  /**
   * The groups or their checks are others from now on. The first report on a new check, or one with another `ttl`, is due a
   * `ttl` after this; whatever else changes, a report that is awaited is due when it was.
   */
  change(): void {
    const former = this.#watched;
    const next = this.#groups().flatMap((group) =>
      group.config.checks.flatMap((check): Watched[] => {
        if (check.kind !== 'push' || check.ttlMs === null) return [];
        const { ttlMs } = check;
        const known = former.find((each) => each.group === group && each.check.name === check.name);
        if (known?.ttlMs === ttlMs) return [{ ...known, check }];
        const deadline = this.#clock.alarm(() => this.#overdue(group, check.name));
        return [{ group, check, ttlMs, deadline }];
      }),
    );
    const isIn = (all: readonly Watched[], { deadline }: Watched) => all.some((each) => each.deadline === deadline);
    for (const watched of former) if (!isIn(next, watched)) watched.deadline.clear();
    this.#watched = next;
    for (const watched of next) if (!isIn(former, watched)) this.#renew(watched);
  }

  /** Somebody has reported on the check, well or ill. */
  heard(group: string, check: string): void {
    const watched = this.#watched.find((each) => each.group.name === group && each.check.name === check);
    if (watched !== undefined) this.#renew(watched);
  }

  close(): void {
    for (const { deadline } of this.#watched) deadline.clear();
  }

  #renew({ deadline, ttlMs }: Watched): void {
    deadline.set(this.#clock.nowUs() + ttlMs * 1_000);
  }

  /** Counts at once: `fall` is for reports, and there are none. */
  #overdue(group: CheckedGroup, name: string): void {
    const watched = this.#watched.find((each) => each.group === group && each.check.name === name);
    if (watched === undefined) return;
    const detail = `no report for ${formatDuration(watched.ttlMs * 1_000)}`;
    group.fitness.report(name, { healthy: false, detail, inARow: watched.check.fall });
  }
}
