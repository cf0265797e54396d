const UNITS_US: ReadonlyMap<string, number> = new Map([
  ['us', 1],
  ['ms', 1_000],
  ['s', 1_000_000],
  ['m', 60_000_000],
  ['h', 3_600_000_000],
]);
/** A day: nothing here waits longer, and a slip of the unit shows. */
const LONGEST_US = 24 * 3_600_000_000;

/** Microseconds of `250ms`, `1.5s`, `1m`; undefined for what is no duration, is no whole microsecond or is above a day. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d{1,12})(?:\.(\d{1,6}))?(us|ms|s|m|h)$/.exec(text);
  const unitUs = UNITS_US.get(match?.[3] ?? '');
  if (match === null || unitUs === undefined) return undefined;
  const [, whole = '0', fraction = ''] = match;
  // In integers: 0.29 * 1_000_000 is not 290_000 in floating point.
  const us = Number(whole) * unitUs + (Number(fraction.padEnd(6, '0')) * unitUs) / 1_000_000;
  return Number.isInteger(us) && us <= LONGEST_US ? us : undefined;
}

/** The shortest form that `parseDuration` reads back: `250ms`, `1s`, `1.5s`. */
export function formatDuration(us: number): string {
  if (us < 1_000) return `${us}us`;
  if (us < 1_000_000) return `${us / 1_000}ms`;
  return `${us / 1_000_000}s`;
}
