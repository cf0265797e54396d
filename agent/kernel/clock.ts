import { clockGetResolution, clockGetTime } from './libc.ts';

const CLOCK_MONOTONIC = 1;
const CLOCK_REALTIME_COARSE = 5;
const CLOCK_BOOTTIME = 7;

// `struct timespec` as two halves of each field: reading BigInts would allocate on every packet.
const timespec = new Uint32Array(4);

/**
 * Microseconds since the host booted, suspend included (DESIGN L2), with nanoseconds as the fraction.
 * The same in all processes and namespaces of a host; comparable to nothing on another host. Never goes back.
 */
export function boottimeUs(): number {
  if (!clockGetTime(CLOCK_BOOTTIME, timespec)) throw new Error('clock_gettime(CLOCK_BOOTTIME) failed');
  return readTimespecUs();
}

/** Microseconds since the host booted without those for which it was suspended: never the clock of a lease (L2). */
export function monotonicUs(): number {
  if (!clockGetTime(CLOCK_MONOTONIC, timespec)) throw new Error('clock_gettime(CLOCK_MONOTONIC) failed');
  return readTimespecUs();
}

/**
 * The length of a kernel tick in microseconds: 4000 at HZ 250. Kernel timers, and with them nftables timeouts, count
 * in these. `sysconf(_SC_CLK_TCK)` does not tell: it is 100 on every kernel.
 */
export function kernelTickUs(): number {
  if (!clockGetResolution(CLOCK_REALTIME_COARSE, timespec)) throw new Error('clock_getres failed');
  return readTimespecUs();
}

function readTimespecUs(): number {
  const secondsLow = timespec[0] ?? 0;
  const secondsHigh = timespec[1] ?? 0;
  const nanosecondsLow = timespec[2] ?? 0;
  return (secondsHigh * 2 ** 32 + secondsLow) * 1e6 + nanosecondsLow / 1e3;
}
