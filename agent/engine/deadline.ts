import { boottimeUs } from '../kernel/index.ts';

/**
 * One alarm at a time, at an absolute time on CLOCK_BOOTTIME. It rings in the event loop's check phase: after a pause the
 * sockets are drained first, so that a packet which waited for us counts before the timer that overtook it.
 */
export class Deadline {
  readonly #ring: () => void;
  readonly #nowUs: () => number;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #atUs = Number.POSITIVE_INFINITY;

  constructor(ring: () => void, nowUs: () => number = boottimeUs) {
    this.#ring = ring;
    this.#nowUs = nowUs;
  }

  /** Replaces whatever was set; Infinity: no alarm. */
  set(atUs: number): void {
    if (atUs === this.#atUs) return;
    this.clear();
    this.#atUs = atUs;
    if (atUs === Number.POSITIVE_INFINITY) return;
    this.#arm();
  }

  clear(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
    this.#atUs = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const waitMs = Math.min((this.#atUs - this.#nowUs()) / 1000, 0x7fffffff);
    if (waitMs <= 0) this.#immediate = setImmediate(() => this.#expire());
    else this.#timer = setTimeout(() => this.#arm(), Math.ceil(waitMs));
  }

  #expire(): void {
    this.#atUs = Number.POSITIVE_INFINITY;
    this.#immediate = undefined;
    this.#ring();
  }
}
