import { activeDownIntervalUs, OWNER_PRIORITY } from '@tiebreak/shared/vrrp';
import type { VirtualRouterConfig, VrrpGroupConfig } from '../config/index.ts';
import type { Fence, FencedGroup } from '../kernel/fence/index.ts';
import type { Logger } from '../log/index.ts';
import { Tally } from '../metrics/counters/index.ts';
import type { FenceRefusal } from './group-fence.ts';
import type { Advertiser, PlainRefresh } from './plain-refresh.ts';

/** Below this the kernel's ticks, the sentinel and an ordinary garbage collection would eat the time up. */
const HELD_MIN_MS = 100;
/** What the fence's own bound adds to the lifetime, and a tick that comes late (DESIGN section 4). */
const MARGIN_TICKS = 5;
const SENTINEL_MAX_MS = 50;

/**
 * A virtual router in mode `vrrp` as the fence knows it. The kernel stops answering for it before a peer's down timer, which
 * starts with our last advertisement, can fire.
 */
export function plainFencedGroup(
  id: number,
  router: VirtualRouterConfig,
  group: VrrpGroupConfig,
  kernelTickUs: number,
): FencedGroup {
  const { advertisementIntervalUs: intervalUs, version, addresses } = router;
  // The timer is the peer's, and of all peers the one with the highest priority waits least.
  const downMs = activeDownIntervalUs(version, OWNER_PRIORITY, intervalUs) / 1000;
  const heldMs = Math.floor(downMs - SENTINEL_MAX_MS - (MARGIN_TICKS * kernelTickUs) / 1000);
  return {
    id,
    addresses: addresses.map(({ address }) => address),
    virtualRouters: [router],
    refused: refusedAddresses(router),
    gatewayInterfaces: group.gateway ? [...new Set(addresses.map((address) => address.interface))] : [],
    intervalUs,
    heldMs: Math.max(HELD_MIN_MS, heldMs),
  };
}

/** The addresses that the router does not accept packets for. */
export function refusedAddresses({ accept, addresses }: VirtualRouterConfig): string[] {
  return accept ? [] : addresses.map(({ address }) => address);
}

/**
 * Whether the fence may hold the router's addresses back. Priority 255 says that they are this host's own (RFC 9568
 * section 6.1): an agent that dies must not take the host off the network.
 */
export function isGuarded({ priority }: VirtualRouterConfig): boolean {
  return priority !== OWNER_PRIORITY;
}

/** A guard that closes sooner than this is refreshed alone, before the advertisement: the kernel may be about to close it. */
const CLOSES_SOON_US = 1_000 * SENTINEL_MAX_MS;

/** One virtual router's part of the fence in mode `vrrp`: no votes, only proof that this process still runs. */
export class PlainGuard implements Advertiser {
  readonly #fence: Fence;
  /** In the fence. */
  readonly id: number;
  readonly #refresh: Pick<PlainRefresh, 'advertised' | 'forget'>;
  readonly #log: Logger;
  /** The kernel did not confirm the last refresh. */
  #isDoubtful = false;
  /** What the kernel did not confirm. */
  readonly refusals = new Tally<FenceRefusal>();

  constructor(fence: Fence, id: number, refresh: Pick<PlainRefresh, 'advertised' | 'forget'>, log: Logger) {
    this.#fence = fence;
    this.id = id;
    this.#refresh = refresh;
    this.#log = log;
  }

  get level(): Fence['level'] {
    return this.#fence.level;
  }

  /** CLOCK_BOOTTIME; undefined while it is closed. */
  get openUntilUs(): number | undefined {
    return this.#fence.openUntilUs(this.id);
  }

  open(): void {
    const act = this.#fence.open(this.id, Number.POSITIVE_INFINITY);
    if (act.confirmed) return;
    this.refusals.count(act.reason);
    this.#fence.close(this.id);
    const again = this.#fence.open(this.id, Number.POSITIVE_INFINITY);
    if (again.confirmed) return;
    this.refusals.count(again.reason);
    this.#log.error(`the fence does not open, so nothing is answered here: ${again.text}`);
  }

  /** For each own advertisement, at `nowUs`. False: it had closed meanwhile, since the process had stood still, and is open again. */
  hold(nowUs: number): boolean {
    if (!this.#isDoubtful && (this.openUntilUs ?? 0) > nowUs + CLOSES_SOON_US) {
      this.#refresh.advertised(this, nowUs);
      return true;
    }
    this.#isDoubtful = false;
    const act = this.#fence.refresh(this.id, Number.POSITIVE_INFINITY);
    if (act.confirmed) return true;
    this.refusals.count(act.reason);
    this.open();
    return false;
  }

  refreshFailed(): void {
    this.refusals.count('not_confirmed');
    this.#isDoubtful = true;
  }

  close(): void {
    this.#refresh.forget(this);
    const closed = this.#fence.close(this.id);
    if (closed.confirmed) return;
    this.refusals.count('not_closed');
    this.#log.error(closed.text);
  }
}
