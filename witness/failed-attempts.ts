import { createHash } from 'node:crypto';
import { CallerRate, type Rate } from './caller-rate.ts';

/** An agent with a void token tries every few seconds; whoever guesses, thousands of times. */
const FAILURES: Rate = { burst: 60, perSecond: 1 };
const TOKENS_MAX = 10_000;

/**
 * Who has shown bad tokens too often, by address; in this isolate's memory. A token that was good here passes all the same:
 * whoever guesses behind the same address must not shut a site's nodes out.
 */
export class FailedAttempts {
  readonly #rate = new CallerRate(FAILURES);
  readonly #good = new Set<string>();

  mayTry(address: string, token: string, nowMs: number): boolean {
    return this.#rate.has(address, nowMs) || this.#good.has(digest(token));
  }

  failed(address: string, token: string, nowMs: number): void {
    this.#rate.take(address, nowMs);
    this.#good.delete(digest(token));
  }

  succeeded(token: string): void {
    const known = digest(token);
    // Moved to the end: the one that was not used for longest goes first.
    this.#good.delete(known);
    this.#good.add(known);
    for (const oldest of this.#good) {
      if (this.#good.size <= TOKENS_MAX) return;
      this.#good.delete(oldest);
    }
  }
}

/** This isolate's. */
export const failedAttempts = new FailedAttempts();

function digest(token: string): string {
  return createHash('sha256').update(token).digest('base64');
}
