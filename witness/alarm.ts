import type { DurableObjectStorage } from '@cloudflare/workers-types';

/** The one alarm that an object has: it wakes the object for whatever is due first. Each move costs a row. */
export class Alarm {
  readonly #storage: DurableObjectStorage;
  #atMs = Number.POSITIVE_INFINITY;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Before anything else in a new instance. */
  async load(): Promise<void> {
    this.#atMs = (await this.#storage.getAlarm()) ?? Number.POSITIVE_INFINITY;
  }

  /** It has rung, and does not stand any more. */
  rang(): void {
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  get stands(): boolean {
    return this.#atMs !== Number.POSITIVE_INFINITY;
  }

  /** It rings then, or earlier. Infinity: no need. */
  wantAt(atMs: number): void {
    if (atMs >= this.#atMs) return;
    this.#atMs = atMs;
    void this.#storage.setAlarm(atMs);
  }
}
