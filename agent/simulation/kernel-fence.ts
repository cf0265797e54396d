/** What one lease packet asks of the kernel. */
export type FenceAct = 'open' | 'refresh';

/** What an act demands to be alive: sentinel and element; for the defect gate also the element alone, or nothing. */
export type FenceCare = 'all' | 'element' | 'nothing';

/** Elements of an nftables set run out at a tick of this length, in µs (HZ 250). */
const TICK_US = 4000;

/**
 * The kernel's side of the fence: the sentinel and the owned element, each with its own end. All times are real, for
 * this is where it counts; lifetimes run by the kernel's ticks, whose rate the caller gives.
 */
export class KernelFence {
  /** This host answers for the addresses until then; -Infinity while the fence is closed. */
  openUntilUs = Number.NEGATIVE_INFINITY;
  private sentinelUntilUs = Number.NEGATIVE_INFINITY;
  private readonly tickRate: number;
  private readonly changed: (nowUs: number, openUntilUs: number) => void;

  /** `tickRate`: ticks' seconds per real second. `changed`: told of each new end. */
  constructor(tickRate: number, changed: (nowUs: number, openUntilUs: number) => void) {
    this.tickRate = tickRate;
    this.changed = changed;
  }

  arm(nowUs: number, lifetimeUs: number): void {
    this.sentinelUntilUs = this.endUs(nowUs, lifetimeUs);
  }

  /** One atomic act: uses the sentinel up, and takes effect only if that, and for a refresh the element, still lives. */
  act(kind: FenceAct, nowUs: number, lifetimeUs: number, asks: FenceCare = 'all'): boolean {
    if (asks === 'nothing' || (asks === 'element' && nowUs < this.openUntilUs)) return this.extend(nowUs, lifetimeUs);
    if (nowUs >= this.sentinelUntilUs) return false;
    if (kind === 'refresh' && nowUs >= this.openUntilUs) return false;
    this.sentinelUntilUs = Number.NEGATIVE_INFINITY;
    return this.extend(nowUs, lifetimeUs);
  }

  close(nowUs: number): void {
    this.openUntilUs = Number.NEGATIVE_INFINITY;
    this.sentinelUntilUs = Number.NEGATIVE_INFINITY;
    this.changed(nowUs, this.openUntilUs);
  }

  isOpen(nowUs: number): boolean {
    return nowUs < this.openUntilUs;
  }

  private extend(nowUs: number, lifetimeUs: number): true {
    this.openUntilUs = this.endUs(nowUs, lifetimeUs);
    this.changed(nowUs, this.openUntilUs);
    return true;
  }

  /** Lifetimes are whole ticks from the tick under way: up to one tick less or more than asked for. */
  private endUs(nowUs: number, lifetimeUs: number): number {
    const nowTick = Math.floor((nowUs * this.tickRate) / TICK_US);
    return ((nowTick + Math.ceil(lifetimeUs / TICK_US)) * TICK_US) / this.tickRate;
  }
}
