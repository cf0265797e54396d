import type { Fence, FenceAct } from '../kernel/fence/index.ts';
import type { Alarm, Clock } from './clock.ts';

/** An owner whose fence is to be refreshed. */
export interface RefreshedLease {
  /** In the fence. */
  readonly groupId: number;
  refreshed(act: FenceAct): void;
}

/**
 * Refreshes the fence of all owners that have asked for it by one act for many, as soon as what has arrived is dealt with: the acks
 * of many groups come in one datagram.
 */
export class LeaseRefresh {
  readonly #fence: Pick<Fence, 'refresh' | 'refreshTogether'>;
  readonly #clock: Clock;
  readonly #alarm: Alarm;
  /** Each with its lease's end as it was last heard. */
  #due = new Map<RefreshedLease, number>();

  constructor(fence: Pick<Fence, 'refresh' | 'refreshTogether'>, clock: Clock) {
    this.#fence = fence;
    this.#clock = clock;
    this.#alarm = clock.alarm(() => this.#refresh());
  }

  /** Whoever asks again before it was refreshed is refreshed once, for the lease that it named last. */
  ask(lease: RefreshedLease, leaseEndUs: number): void {
    if (this.#due.size === 0) this.#alarm.set(this.#clock.nowUs());
    this.#due.set(lease, leaseEndUs);
  }

  /** Its fence is about to be closed. */
  forget(lease: RefreshedLease): void {
    this.#due.delete(lease);
  }

  #refresh(): void {
    const due = this.#due;
    this.#due = new Map();
    const together = due.size > 1 ? this.#refreshTogether(due) : NONE;
    for (const [lease, leaseEndUs] of due) {
      const expiresAtUs = together.get(lease.groupId);
      const act =
        expiresAtUs === undefined
          ? this.#fence.refresh(lease.groupId, leaseEndUs)
          : ({ confirmed: true, expiresAtUs } as const);
      lease.refreshed(act);
    }
  }

  #refreshTogether(due: ReadonlyMap<RefreshedLease, number>): ReadonlyMap<number, number> {
    return this.#fence.refreshTogether(new Map(Array.from(due, ([{ groupId }, leaseEndUs]) => [groupId, leaseEndUs])));
  }
}

const NONE: ReadonlyMap<number, number> = new Map();
