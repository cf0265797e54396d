/** How often the guardian looks whether its engine still makes progress. */
export const LOOK_EVERY_MS = 250;

/**
 * For how long an engine has reported no progress, as far as the guardian was awake: while it stands still itself, as when
 * the whole host does, it cannot tell, and what the engine has sent meanwhile is still to be read.
 */
export class Silence {
  #lastLookMs: number;
  #lengthMs = 0;

  constructor(nowMs: number) {
    this.#lastLookMs = nowMs;
  }

  /** The engine has reported progress. */
  end(): void {
    this.#lengthMs = 0;
  }

  /** Its length in ms; to be asked every `LOOK_EVERY_MS`. */
  look(nowMs: number): number {
    this.#lengthMs += Math.min(nowMs - this.#lastLookMs, 2 * LOOK_EVERY_MS);
    this.#lastLookMs = nowMs;
    return this.#lengthMs;
  }
}
