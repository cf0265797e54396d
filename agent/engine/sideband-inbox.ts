import type { Logger } from '../log/index.ts';
import type { Clock } from './clock.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import { explainRefusal, type NotMine, type SidebandLink, WITNESS_PATH } from './sideband-link.ts';

/** Why a datagram reached no link. */
export type Misdirection = 'stranger' | NotMine;

/** The links of one port. A datagram goes to the link of the address that it comes from, and counts if its key fits. */
export class SidebandInbox {
  readonly #linksOf = new Map<string, SidebandLink[]>();
  readonly #complaints: RateLimitedLog;
  readonly #refused = new Map<Misdirection, number>();

  constructor(log: Logger, clock: Clock) {
    this.#complaints = new RateLimitedLog(log, clock.nowUs);
  }

  /** Those of this port, in place of any others. */
  use(links: readonly SidebandLink[]): void {
    this.#linksOf.clear();
    for (const link of links) {
      for (const address of link.addresses) {
        this.#linksOf.set(address, [...(this.#linksOf.get(address) ?? []), link]);
      }
    }
  }

  /** Datagrams that no link took, by reason. */
  refusals(): ReadonlyMap<Misdirection, number> {
    return this.#refused;
  }

  /** From an address that nobody configured nothing is worth an HMAC. */
  receive(datagram: Uint8Array, fromAddress: string): void {
    let reason: Misdirection = 'stranger';
    for (const link of this.#linksOf.get(fromAddress) ?? []) {
      const notMine = link.receive(datagram, fromAddress);
      if (notMine === undefined) return;
      reason = notMine;
    }
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    this.#complaints.warn(
      reason,
      { reason, address: fromAddress },
      reason === 'stranger'
        ? `refused a sideband datagram from ${fromAddress}: it is none of the addresses of peers`
        : explainRefusal(reason, fromAddress),
    );
  }
}

/** Gives what the witness passes on from node `from` to a link with just that peer; the answer says why to none. */
export function receivePassedOn(
  links: readonly SidebandLink[],
  from: string,
  datagram: Uint8Array,
): Misdirection | undefined {
  let reason: Misdirection | undefined = 'stranger';
  for (const link of links) {
    if (link.peer !== from) continue;
    reason = link.receive(datagram, WITNESS_PATH);
    if (reason === undefined) return undefined;
  }
  return reason;
}
