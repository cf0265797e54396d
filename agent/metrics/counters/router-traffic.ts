import type { DiscardReason, RefusedMessage } from '@tiebreak/shared/vrrp';
import type { VrrpSocketCounters } from '../../kernel/index.ts';
import { Tally } from './tally.ts';

type Malformed = keyof VrrpSocketCounters['malformed'];

/** In the words of the log. `own-source`: from the address that this node itself sends from. */
export type DiscardedAdvertisement =
  | RefusedMessage
  | DiscardReason
  | Malformed
  | 'version'
  | 'authentication'
  | 'stranger'
  | 'own-source';

/** What one virtual router has sent and heard since the start, in packets. */
export class RouterTraffic {
  sent = 0;
  /** Of this virtual router, and not refused by its form. */
  received = 0;
  readonly #discarded = new Tally<DiscardedAdvertisement>();

  discard(reason: DiscardedAdvertisement): void {
    this.#discarded.count(reason);
  }

  /** What a socket has kept from coming further, once it is closed. */
  add(counters: VrrpSocketCounters): void {
    addTo(this.#discarded, counters);
  }

  /** `socket`: of the one that is open. */
  discarded(socket: VrrpSocketCounters): ReadonlyMap<DiscardedAdvertisement, number> {
    const all = new Tally<DiscardedAdvertisement>();
    for (const [reason, count] of this.#discarded.counts) all.count(reason, count);
    addTo(all, socket);
    return all.counts;
  }
}

const MALFORMED = ['truncated', 'not-ipv4', 'bad-header-length', 'not-vrrp'] as const satisfies readonly Malformed[];

function addTo(tally: Tally<DiscardedAdvertisement>, { own, malformed }: VrrpSocketCounters): void {
  if (own > 0) tally.count('own-source', own);
  for (const reason of MALFORMED) if (malformed[reason] > 0) tally.count(reason, malformed[reason]);
}
