import type { Alarm, Clock } from './clock.ts';

export type PacedFrame = {
  /** The next frame on the interface, whoever's it is, waits for that long. */
  readonly spacingUs: number;
  /** False: it is not wanted any more, and nothing was sent. */
  readonly send: () => boolean;
};

type Wire = { readonly waiting: PacedFrame[]; freeAtUs: number; readonly alarm: Alarm };

/**
 * The announcements of all virtual routers, on each interface one after the other: switches drop what comes faster than they
 * learn. A frame that need not wait leaves at once.
 */
export class FramePacer {
  readonly #clock: Clock;
  /** By name. */
  readonly #wires = new Map<string, Wire>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  send(interfaceName: string, frames: readonly PacedFrame[]): void {
    const wire = this.#wire(interfaceName);
    wire.waiting.push(...frames);
    this.#proceed(wire);
  }

  #wire(name: string): Wire {
    const known = this.#wires.get(name);
    if (known !== undefined) return known;
    const wire: Wire = {
      waiting: [],
      freeAtUs: Number.NEGATIVE_INFINITY,
      alarm: this.#clock.alarm(() => this.#proceed(wire)),
    };
    this.#wires.set(name, wire);
    return wire;
  }

  #proceed(wire: Wire): void {
    while (this.#clock.nowUs() >= wire.freeAtUs) {
      const frame = wire.waiting.shift();
      if (frame === undefined) return;
      const before = wire.freeAtUs;
      // First, since what is sent may bring more to be sent.
      wire.freeAtUs = this.#clock.nowUs() + frame.spacingUs;
      if (!frame.send()) wire.freeAtUs = before;
    }
    if (wire.waiting.length > 0) wire.alarm.set(wire.freeAtUs);
  }
}
