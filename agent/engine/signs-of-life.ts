import { extendingTimeout, type ServiceManager } from '../service-manager/index.ts';
import { type Loop, lateLoop } from './progress.ts';

/** The guardian hears so often that all is well. */
const REPORT_EVERY_MS = 500;
/** A loop that is late by no more has not come to a stop: timers and a busy machine account for that. */
const LATE_MAX_US = 500_000;

export type SignsOfLifeOptions = {
  readonly loops: () => readonly Loop[];
  /** CLOCK_BOOTTIME */
  readonly nowUs: () => number;
  readonly tellGuardian: () => void;
  readonly serviceManager: ServiceManager | undefined;
  /** One line for people. */
  readonly status: () => string;
};

/**
 * Tells the guardian and the service manager's watchdog that the decision loops make progress: never because a timer has
 * fired, only if each loop has stepped since it had to.
 */
export class SignsOfLife {
  readonly #options: SignsOfLifeOptions;
  readonly #everyMs: number;
  #timer: NodeJS.Timeout | undefined;
  #told: string | undefined;
  #fedAtUs = Number.NEGATIVE_INFINITY;

  constructor(options: SignsOfLifeOptions) {
    this.#options = options;
    this.#everyMs = Math.min(REPORT_EVERY_MS, options.serviceManager?.feedWithinMs ?? REPORT_EVERY_MS);
  }

  /** The agent runs. */
  start(): void {
    this.#options.serviceManager?.notify('READY=1');
    this.look();
    this.#timer = setInterval(() => this.look(), this.#everyMs);
  }

  /** The agent stops in order, which may take up to `patienceMs`; until it has ended its progress is watched. */
  stopping(patienceMs: number): void {
    this.#options.serviceManager?.notify('STOPPING=1', extendingTimeout(patienceMs));
  }

  /** The agent goes over to another configuration; `reloaded` says when that is over. */
  reloading(): void {
    this.#options.serviceManager?.notify('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
  }

  reloaded(): void {
    this.#options.serviceManager?.notify('READY=1');
  }

  end(): void {
    clearInterval(this.#timer);
    this.#options.serviceManager?.close();
  }

  look(): void {
    const { loops, nowUs, tellGuardian, serviceManager, status } = this.#options;
    const now = nowUs();
    if (lateLoop(loops(), now, LATE_MAX_US) !== undefined) return;
    tellGuardian();
    if (serviceManager === undefined) return;
    const { feedWithinMs } = serviceManager;
    // Not so late that the next look would be too late.
    if (feedWithinMs !== undefined && now - this.#fedAtUs >= (feedWithinMs - this.#everyMs) * 1000) {
      this.#fedAtUs = now;
      serviceManager.notify('WATCHDOG=1');
    }
    const text = status();
    if (text === this.#told) return;
    this.#told = text;
    serviceManager.notify(`STATUS=${text}`);
  }
}
