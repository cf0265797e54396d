import { boottimeUs, monotonicUs } from '../kernel/index.ts';
import { AlarmClock } from './alarm-clock.ts';

/** One alarm at a time, at an absolute time of its clock in µs. */
export interface Alarm {
  /**
   * Replaces whatever was set; Infinity: no alarm.
   *
   * @param exact not late by the millisecond or two of an ordinary timer, but busy for as long: for what rarely comes to ring
   */
  set(atUs: number, exact?: boolean): void;
  clear(): void;
}

/** The time of the loops: CLOCK_BOOTTIME (L2), or a test's own. */
export interface Clock {
  nowUs(): number;
  /** The same without the time for which the host was suspended; only for finding out that it was. */
  monotonicUs(): number;
  /** `ring` is called at or after the time that was set, never from within `set`. */
  alarm(ring: () => void): Alarm;
  /** `act` is called once what runs now is done, and before anything else happens; where nothing else runs, at once. */
  soon(act: () => void): void;
}

const alarms = new AlarmClock();

export const SYSTEM_CLOCK: Clock = {
  nowUs: boottimeUs,
  monotonicUs,
  alarm: (ring) => alarms.alarm(ring),
  soon: queueMicrotask,
};
