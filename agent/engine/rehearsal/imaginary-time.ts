import type { Alarm, Clock } from '../clock.ts';

/** Goes on only when it is told to. */
export class ImaginaryTime implements Clock {
  #nowUs = 1_000_000_000;
  readonly #due = new Map<Alarm, { readonly atUs: number; readonly ring: () => void }>();

  nowUs = (): number => this.#nowUs;
  monotonicUs = (): number => this.#nowUs;

  alarm(ring: () => void): Alarm {
    const alarm: Alarm = {
      set: (atUs) => {
        this.#due.set(alarm, { atUs, ring });
      },
      clear: () => {
        this.#due.delete(alarm);
      },
    };
    return alarm;
  }

  soon(act: () => void): void {
    act();
  }

  pass(lengthUs: number): void {
    this.#nowUs += lengthUs;
    for (const [alarm, { atUs, ring }] of [...this.#due]) {
      if (atUs > this.#nowUs) continue;
      alarm.clear();
      ring();
    }
  }
}
