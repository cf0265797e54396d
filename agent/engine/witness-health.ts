import type { PassedHealth } from '@tiebreak/shared/wire';
import type { Operations } from '../api/index.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';

/** What outside monitors say of this node's services, by way of the witness: as if it had been said to the local API. */
export class WitnessHealth {
  readonly #report: Operations['reportHealth'];
  readonly #complaints: RateLimitedLog;
  readonly #newestMs = new Map<string, number>();

  constructor(report: Operations['reportHealth'], complaints: RateLimitedLog) {
    this.#report = report;
    this.#complaints = complaints;
  }

  /** With each new link the witness tells the last of each check once more: what was heard counts once. */
  heard({ group, check, healthy, detail, in_a_row: inARow, stamp_ms: stampMs }: PassedHealth): void {
    const key = `${group}/${check}`;
    if (stampMs <= (this.#newestMs.get(key) ?? 0)) return;
    this.#newestMs.set(key, stampMs);
    const outcome = this.#report(group, check, { healthy, detail, inARow });
    if (outcome.ok) return;
    const text = `the witness passed on a report that nobody here can use: ${outcome.detail}`;
    this.#complaints.warn(`unused report ${key}`, { group, check }, text);
  }
}
