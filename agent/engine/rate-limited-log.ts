import { boottimeUs } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';

const QUIET_US = 10_000_000;

/** One line of a kind every 10 s at most, with the number of those that were left out; every one is counted. */
export class RateLimitedLog {
  readonly #log: Logger;
  readonly #nowUs: () => number;
  readonly #kinds = new Map<string, { quietUntilUs: number; leftOut: number; total: number }>();

  constructor(log: Logger, nowUs: () => number = boottimeUs) {
    this.#log = log;
    this.#nowUs = nowUs;
  }

  warn(kind: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    this.#write('warn', kind, fields, text);
  }

  error(kind: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    this.#write('error', kind, fields, text);
  }

  #write(level: 'warn' | 'error', kind: string, fields: Readonly<Record<string, unknown>>, text: string): void {
    const nowUs = this.#nowUs();
    const seen = this.#kinds.get(kind) ?? { quietUntilUs: 0, leftOut: 0, total: 0 };
    this.#kinds.set(kind, seen);
    seen.total += 1;
    if (nowUs < seen.quietUntilUs) {
      seen.leftOut += 1;
      return;
    }
    this.#log[level]({ ...fields, kind, left_out: seen.leftOut, total: seen.total }, text);
    seen.quietUntilUs = nowUs + QUIET_US;
    seen.leftOut = 0;
  }
}
