import { type AddressFamily, formatAddress } from '@tiebreak/shared/vrrp';
import type { HopLimitDrops } from '../kernel/fence/index.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';

const LOOK_EVERY_MS = 5_000;
const FAMILIES: readonly AddressFamily[] = ['ipv4', 'ipv6'];
const SENDERS_SHOWN_MAX = 4;

/**
 * Tells of advertisements that the fence dropped because of their hop limit (RFC 9568 section 7.1): nothing above the kernel
 * sees them, and a peer that sends them is silent.
 */
export class HopLimitWatch {
  readonly #drops: HopLimitDrops;
  readonly #complaints: RateLimitedLog;
  readonly #looking: NodeJS.Timeout;
  readonly #read = new Map<AddressFamily, number>();
  readonly #total = new Map<AddressFamily, number>(FAMILIES.map((family) => [family, 0]));

  constructor(drops: HopLimitDrops, complaints: RateLimitedLog) {
    this.#drops = drops;
    this.#complaints = complaints;
    this.#looking = setInterval(() => this.look(), LOOK_EVERY_MS);
    this.#looking.unref();
  }

  /** Packets since the start, as the last look found them. */
  get dropped(): ReadonlyMap<AddressFamily, number> {
    return this.#total;
  }

  /** Reads the kernel's counters, and complains of what is new. */
  look(): void {
    for (const family of FAMILIES) {
      const found = this.#drops.dropped(family);
      // Another program took the tables away: whoever looks after them puts them back, and the counters begin anew.
      if (!found.ok) continue;
      const before = this.#read.get(family) ?? 0;
      this.#read.set(family, found.value);
      const more = found.value >= before ? found.value - before : found.value;
      if (more === 0) continue;
      this.#total.set(family, (this.#total.get(family) ?? 0) + more);
      this.#complain(family, more);
    }
  }

  close(): void {
    clearInterval(this.#looking);
    this.#drops.close();
  }

  #complain(family: AddressFamily, packets: number): void {
    const field = family === 'ipv4' ? 'TTL' : 'hop limit';
    const text = `refused ${packets} VRRP packet(s) whose ${field} is not 255${this.#from(family)}: no router of the same link sends these (RFC 9568 section 7.1). If it is a peer, it is not heard here: keepalived sends IPv6 unicast with 64: set unicast_ttl 255 there, or min_ttl = 64 here`;
    this.#complaints.warn(`hop limit ${family}`, { family, packets }, text);
  }

  #from(family: AddressFamily): string {
    const found = this.#drops.senders(family);
    if (!found.ok || found.value.length === 0) return '';
    const shown = found.value
      .slice(0, SENDERS_SHOWN_MAX)
      .map(
        (sender) =>
          `${formatAddress(sender.address)} on ${sender.interface} (virtual router ${sender.virtualRouterId})`,
      );
    const more = found.value.length - shown.length;
    return `, from ${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
  }
}
