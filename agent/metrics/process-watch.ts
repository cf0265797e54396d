import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { ProcessReading } from './reading.ts';

/** The event loop is woken so often to see how late it is, but only in an agent that is scraped. */
const LOOK_EVERY_MS = 20;
const NS_PER_S = 1e9;
const US_PER_S = 1e6;

/** What this process uses, and how late its event loop is. */
export class ProcessWatch {
  #delays: ReturnType<typeof monitorEventLoopDelay> | undefined;

  read(): ProcessReading {
    const { user, system } = process.cpuUsage();
    return {
      cpuSeconds: (user + system) / US_PER_S,
      residentBytes: process.memoryUsage.rss(),
      openFileDescriptors: openFileDescriptors(),
      startTimeSeconds: performance.timeOrigin / 1000,
      eventLoopLag: this.#eventLoopLag(),
    };
  }

  /** Ends the measuring of the event loop. */
  close(): void {
    this.#delays?.disable();
    this.#delays = undefined;
  }

  #eventLoopLag(): ProcessReading['eventLoopLag'] {
    if (this.#delays === undefined) {
      this.#delays = monitorEventLoopDelay({ resolution: LOOK_EVERY_MS });
      this.#delays.enable();
      return undefined;
    }
    const { count } = this.#delays;
    const lag = { p99Seconds: lateBy(this.#delays.percentile(99)), maxSeconds: lateBy(this.#delays.max) };
    this.#delays.reset();
    return count === 0 ? undefined : lag;
  }
}

function openFileDescriptors(): number | undefined {
  try {
    // One of them is what reads them.
    return readdirSync('/proc/self/fd').length - 1;
  } catch {
    return undefined;
  }
}

/** The histogram holds the time from one look to the next. */
function lateBy(periodNs: number): number {
  return Math.max(0, periodNs / NS_PER_S - LOOK_EVERY_MS / 1000);
}
