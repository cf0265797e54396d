/**
 * The timers of RFC 9568 section 6.1 and RFC 3768 section 6.1, in microseconds, exact: every divisor is a power of two,
 * so a double holds the fraction. Truncating to centiseconds would make the skew of fast or high-priority routers zero
 * and let two backups stand at the same time.
 */
export type VrrpVersion = 2 | 3;

/** The priority of the router that owns the virtual addresses (RFC 9568 section 5.2.4). */
export const OWNER_PRIORITY = 255;

/** The priority that says: the Active Router gives up (RFC 9568 section 5.2.4). */
export const RELEASE_PRIORITY = 0;

export const US_PER_CENTISECOND = 10_000;
export const US_PER_SECOND = 1_000_000;

/** The largest value of the 12-bit Max Advertise Interval field (RFC 9568 section 5.2.7). */
export const INTERVAL_CS_MAX = 4095;

/** The largest value of the version 2 Advertisement Interval field (RFC 3768 section 5.3.7). */
export const INTERVAL_S_MAX = 255;

/**
 * Skew_Time in us. Version 3 scales it with the Active Router's interval; version 2 always takes it of one second.
 * `priority` 1 to 255 is this router's own, `activeIntervalUs` is above 0 and need not be whole centiseconds.
 */
export function skewTimeUs(version: VrrpVersion, priority: number, activeIntervalUs: number): number {
  return ((256 - priority) * (version === 2 ? US_PER_SECOND : activeIntervalUs)) / 256;
}

/** Active_Down_Interval (version 2: Master_Down_Interval) in us: three intervals of the Active Router, and the skew. */
export function activeDownIntervalUs(version: VrrpVersion, priority: number, activeIntervalUs: number): number {
  return 3 * activeIntervalUs + skewTimeUs(version, priority, activeIntervalUs);
}

/**
 * The Max Advertise Interval that version 3 announces for `intervalUs`, in centiseconds. Rounded up: a backup that
 * waits a little longer is late, one that does not wait long enough is a second Active. Throws RangeError outside
 * (0, 40.95 s].
 */
export function announcedIntervalCs(intervalUs: number): number {
  const intervalCs = Math.ceil(intervalUs / US_PER_CENTISECOND);
  if (!(intervalCs >= 1 && intervalCs <= INTERVAL_CS_MAX)) {
    throw new RangeError(`a version 3 interval lies above 0 and is at most 40.95 s, not ${intervalUs} us`);
  }
  return intervalCs;
}

/** The Advertisement Interval that version 2 announces, in seconds. Throws RangeError unless whole seconds, 1 to 255. */
export function announcedIntervalS(intervalUs: number): number {
  const intervalS = intervalUs / US_PER_SECOND;
  if (!Number.isInteger(intervalS) || intervalS < 1 || intervalS > INTERVAL_S_MAX) {
    throw new RangeError(`a version 2 interval is 1 to 255 whole seconds, not ${intervalUs} us`);
  }
  return intervalS;
}
