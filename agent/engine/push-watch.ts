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
  readonly #watched: readonly Watched[];
  readonly #clock: Clock;

  constructor(groups: readonly CheckedGroup[], clock: Clock = SYSTEM_CLOCK) {
    this.#clock = clock;
    this.#watched = groups.flatMap((group) =>
      group.config.checks.flatMap((check) => {
        if (check.kind !== 'push' || check.ttlMs === null) return [];
        const { ttlMs } = check;
        return [{ group, check, ttlMs, deadline: clock.alarm(() => overdue(group, check, ttlMs)) }];
      }),
    );
  }

  /** The first report is due a `ttl` after this. */
  start(): void {
    for (const watched of this.#watched) this.#renew(watched);
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
}

/** Counts at once: `fall` is for reports, and there are none. */
function overdue({ fitness }: CheckedGroup, { name, fall }: PushCheckConfig, ttlMs: number): void {
  fitness.report(name, { healthy: false, detail: `no report for ${formatDuration(ttlMs * 1_000)}`, inARow: fall });
}
