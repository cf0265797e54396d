/** One decision loop, as whoever watches over it sees it. CLOCK_BOOTTIME in µs. */
export type Loop = {
  readonly name: string;
  /** When it last stepped. */
  readonly lastProgressUs: number;
  /** When it has to step again, if nothing happens before; Infinity: never. */
  readonly dueUs: number;
};

/** An engine that stands still for longer than its leases has lost them, and anything shorter is no reason to end it. */
const STUCK_INTERVALS = 8;
const STUCK_AFTER_MIN_US = 2_000_000;
const STUCK_AFTER_MAX_US = 10_000_000;

/** The first loop that should have stepped more than `lateMaxUs` ago and has not; undefined: each has since it had to. */
export function lateLoop(
  loops: readonly Loop[],
  nowUs: number,
  lateMaxUs: number,
): { readonly name: string; readonly lateUs: number } | undefined {
  for (const { name, dueUs, lastProgressUs } of loops) {
    // A step that was tried, and put off because something could not be written down, is a step.
    const lateUs = nowUs - Math.max(dueUs, lastProgressUs);
    if (lateUs > lateMaxUs) return { name, lateUs };
  }
  return undefined;
}

/** After how long without any progress an engine with these advertisement intervals is taken for stuck, in µs. */
export function stuckAfterUs(intervalsUs: readonly number[]): number {
  return Math.min(Math.max(STUCK_INTERVALS * Math.min(...intervalsUs), STUCK_AFTER_MIN_US), STUCK_AFTER_MAX_US);
}
