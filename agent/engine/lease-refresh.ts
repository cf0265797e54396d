import type { Fence, FenceAct } from '../kernel/fence/index.ts';
import type { Clock } from './clock.ts';

/** An owner whose fence is to be refreshed. */
export interface RefreshedLease {
  /** In the fence. */
  readonly groupId: number;
  refreshed(act: FenceAct): void;
}

/**
 * Refreshes the fence of all owners that have asked for it by one act for many, as soon as what runs now is done: the acks of many
 * groups come in one datagram. Nothing else comes between, for a lease may shrink by it.
 */
export class LeaseRefresh {
  readonly #fence: Pick<Fence, 'refresh' | 'refreshTogether'>;
  readonly #clock: Pick<Clock, 'soon'>;
  /** Each with its lease's end as it was last heard. */
  #due = new Map<RefreshedLease, number>();
  /** Those of them whose turn has not come yet. */
  #underWay = new Map<RefreshedLease, number>();

  constructor(fence: Pick<Fence, 'refresh' | 'refreshTogether'>, clock: Pick<Clock, 'soon'>) {
    this.#fence = fence;
    this.#clock = clock;
  }

  /** Whoever asks again before it was refreshed is refreshed once, for the lease that it named last. */
  ask(lease: RefreshedLease, leaseEndUs: number): void {
    const isFirst = this.#due.size === 0;
    this.#due.set(lease, leaseEndUs);
    if (isFirst) this.#clock.soon(() => this.#refresh());
  }

  /** Its fence is about to be closed. */
  forget(lease: RefreshedLease): void {
    this.#due.delete(lease);
    // What became of another one may be why.
    this.#underWay.delete(lease);
  }

  #refresh(): void {
    const due = this.#due;
    this.#due = new Map();
    this.#underWay = due;
    const together = due.size > 1 ? this.#refreshTogether(due) : NONE;
    const done = [...due.keys()].flatMap((lease) => {
      const expiresAtUs = together.get(lease.groupId);
      return expiresAtUs === undefined ? [] : [{ lease, expiresAtUs }];
    });
    for (const { lease } of done) due.delete(lease);
    // The kernel has done it, so they hear of it whatever the others do about what they are told.
    for (const { lease, expiresAtUs } of done) lease.refreshed({ confirmed: true, expiresAtUs });
    for (const [lease, leaseEndUs] of due) {
      due.delete(lease);
      lease.refreshed(this.#fence.refresh(lease.groupId, leaseEndUs));
    }
  }

  #refreshTogether(due: ReadonlyMap<RefreshedLease, number>): ReadonlyMap<number, number> {
    return this.#fence.refreshTogether(new Map(Array.from(due, ([{ groupId }, leaseEndUs]) => [groupId, leaseEndUs])));
  }
}

const NONE: ReadonlyMap<number, number> = new Map();
