/** More than reading two clocks one after the other can differ, and far less than any lease. */
const GAP_US = 250_000;

/**
 * Tells when the host has been suspended: CLOCK_BOOTTIME goes on meanwhile, CLOCK_MONOTONIC does not. Whoever slept has
 * missed what happened to its votes, and does best to begin anew. (A hypervisor that stops a guest may stop both clocks
 * alike, and then nothing here can tell.)
 */
export class ClockGap {
  #asleepUs = Number.NEGATIVE_INFINITY;

  /**
   * Takes a reading of both clocks in µs, boottime's first: a pause between the two makes the sleep look shorter, so it
   * never looks like one. Returns for how long the host slept since the reading before, or 0.
   */
  note(boottimeUs: number, monotonicUs: number): number {
    const asleepUs = boottimeUs - monotonicUs;
    const formerUs = this.#asleepUs;
    this.#asleepUs = Math.max(formerUs, asleepUs);
    const gapUs = asleepUs - formerUs;
    return gapUs > GAP_US && formerUs !== Number.NEGATIVE_INFINITY ? gapUs : 0;
  }
}
