import { boottimeUs, hearGathered } from '../kernel/index.ts';

/**
 * One alarm at a time, at an absolute time on CLOCK_BOOTTIME. It rings in the event loop's check phase: after a pause the
 * sockets are drained first, so that a packet which waited for us counts before the timer that overtook it.
 *
 * A time that is put off, as a down timer's with every advertisement, costs nothing: the timer that runs looks again.
 */
export class Deadline {
  readonly #ring: () => void;
  readonly #nowUs: () => number;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  #atUs = Number.POSITIVE_INFINITY;
  /** When the timer or the immediate that is set looks again; Infinity: none is. */
  #looksAtUs = Number.POSITIVE_INFINITY;

  constructor(ring: () => void, nowUs: () => number = boottimeUs) {
    this.#ring = ring;
    this.#nowUs = nowUs;
  }

  /** Replaces whatever was set; Infinity: no alarm. */
  set(atUs: number): void {
    this.#atUs = atUs;
    if (atUs === Number.POSITIVE_INFINITY) this.clear();
    else if (atUs < this.#looksAtUs) this.#arm();
  }

  clear(): void {
    this.#disarm();
    this.#atUs = Number.POSITIVE_INFINITY;
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#timer = undefined;
    this.#immediate = undefined;
    this.#looksAtUs = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    this.#disarm();
    this.#looksAtUs = this.#atUs;
    const waitMs = Math.min((this.#atUs - this.#nowUs()) / 1000, 0x7fffffff);
    if (waitMs <= 0) this.#immediate = setImmediate(() => this.#expire());
    else this.#timer = setTimeout(() => this.#arm(), Math.ceil(waitMs));
  }

  #expire(): void {
    hearGathered();
    // What was heard may have put the alarm off, or called it off.
    if (this.#immediate === undefined) return;
    this.#disarm();
    if (this.#atUs > this.#nowUs()) {
      this.set(this.#atUs);
      return;
    }
    this.#atUs = Number.POSITIVE_INFINITY;
    this.#ring();
  }
}
