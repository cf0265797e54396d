import type { Alarm, Clock } from '../../../agent/engine/clock.ts';

/** A clock that a test moves by hand; alarms ring in the order of their times. */
export class VirtualTime implements Clock {
  #nowUs: number;
  #sleptUs = 0;
  readonly #due = new Map<Alarm, { atUs: number; ring: () => void }>();

  constructor(startUs = 1_000_000) {
    this.#nowUs = startUs;
  }

  readonly nowUs = (): number => this.#nowUs;
  readonly monotonicUs = (): number => this.#nowUs - this.#sleptUs;

  alarm(ring: () => void): Alarm {
    const alarm: Alarm = {
      set: (atUs) => {
        if (atUs === Number.POSITIVE_INFINITY) this.#due.delete(alarm);
        else this.#due.set(alarm, { atUs, ring });
      },
      clear: () => this.#due.delete(alarm),
    };
    return alarm;
  }

  soon(act: () => void): void {
    act();
  }

  /** Time goes by, and alarms ring at their times. */
  pass(lengthUs: number): void {
    const untilUs = this.#nowUs + lengthUs;
    for (let rings = 0; ; rings += 1) {
      if (rings > 100_000) throw new Error('an alarm rings for ever');
      const next = [...this.#due].sort(([, left], [, right]) => left.atUs - right.atUs)[0];
      if (next === undefined || next[1].atUs > untilUs) break;
      this.#nowUs = Math.max(this.#nowUs, next[1].atUs);
      this.#due.delete(next[0]);
      next[1].ring();
    }
    this.#nowUs = untilUs;
  }

  /** The host is suspended: time goes by, and only one of the clocks has seen it. */
  suspend(lengthUs: number): void {
    this.#sleptUs += lengthUs;
    this.stall(lengthUs);
  }

  /** The process stands still: time goes by, and nothing rings before it wakes. */
  stall(lengthUs: number): void {
    this.#nowUs += lengthUs;
  }
}
