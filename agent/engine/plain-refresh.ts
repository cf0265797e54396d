import { HELD_PER_PACKET, type HoldingFence } from '../kernel/fence/index.ts';

/** Advertisements that leave within this time share a lease packet. */
const GATHER_MS = 8;
/**
 * After its advertisement a router may be refreshed for so long. With the sentinel of group 0, 30 ms at HZ 100, that is within the
 * 50 ms that its lifetime leaves for a refresh that is late.
 */
const REFRESH_WITHIN_US = 20_000;

/** A virtual router that has advertised, and that the kernel is to hold open for it. */
export interface Advertiser {
  readonly id: number;
  /** The kernel did not confirm: it is closed by now, or nobody knows. */
  refreshFailed(): void;
}

/** Refreshes the fence of all virtual routers in mode `vrrp` that have advertised just now by one lease packet for many. */
export class PlainRefresh {
  readonly #fence: Pick<HoldingFence, 'refreshHeld'>;
  /** Each with the time of its advertisement, the oldest first. */
  readonly #due = new Map<Advertiser, number>();
  #timer: NodeJS.Timeout | undefined;

  constructor(fence: Pick<HoldingFence, 'refreshHeld'>) {
    this.#fence = fence;
  }

  /** At `nowUs`, CLOCK_BOOTTIME. */
  advertised(router: Advertiser, nowUs: number): void {
    this.#due.set(router, nowUs);
    this.#timer ??= setTimeout(() => this.#refresh(), GATHER_MS);
  }

  /** It does not own any more. */
  forget(router: Advertiser): void {
    this.#due.delete(router);
  }

  #refresh(): void {
    this.#timer = undefined;
    const due = [...this.#due];
    this.#due.clear();
    for (let first = 0; first < due.length; first += HELD_PER_PACKET) {
      const packet = due.slice(first, first + HELD_PER_PACKET);
      const [, oldestUs] = packet[0] ?? [undefined, 0];
      const ids = packet.map(([{ id }]) => id);
      // One that is late has stood still: its next advertisement is due, and refreshes it.
      if (this.#fence.refreshHeld(ids, oldestUs + REFRESH_WITHIN_US) !== 'refused') continue;
      for (const [router] of packet) router.refreshFailed();
    }
  }
}
