import type { WatchedCheckConfig } from '../config/index.ts';
import {
  type EventLoopSocket,
  openProcessConnector,
  type ProcessEvent,
  type ProcessStat,
  readProcessStat,
} from '../kernel/in-any-thread.ts';
import { Census } from './census.ts';
import type { HealthSaid } from './check-view.ts';
import { pause } from './pause.ts';
import { readArgumentName, readStats } from './proc.ts';

type ProcessCheck = Extract<WatchedCheckConfig, { kind: 'process' }>;
/** A check, and who is told what was found. */
export type WatchedProcess = { readonly check: ProcessCheck; readonly say: (said: HealthSaid) => void };

/** A program that starts forks, runs and renames itself within moments. */
const SETTLE_MS = 5;
/** While the kernel tells of every change. */
const SCAN_EVERY_MS = 10_000;
/** Processes whose memory is locked hold one thread of the process's few each. */
const UNREADABLE_MAX = 2;
const READ_PATIENCE_MS = 1_000;

/**
 * Counts processes by name: at once when the kernel tells of one that has begun or ended, and at every check's interval. One
 * watch for all checks, so that a busy host is read once.
 */
export class ProcessWatch {
  readonly #census = new Census();
  readonly #watched: readonly WatchedProcess[];
  readonly #lastSaid = new Map<WatchedProcess, boolean>();
  #connector: EventLoopSocket | undefined;
  #settling: NodeJS.Timeout | undefined;
  readonly #renamed = new Set<number>();
  #unreadable = 0;
  #scannedMs = Number.NEGATIVE_INFINITY;
  #scanning: Promise<void> | undefined;

  constructor(watched: readonly WatchedProcess[]) {
    this.#watched = watched;
  }

  /** Until `running` is aborted. */
  async run(running: AbortSignal): Promise<void> {
    if (this.#watched.length === 0) return;
    const opened = await openProcessConnector({
      onEvent: (event) => this.#heard(event),
      onLost: () => void this.#scan().then(() => this.#judge()),
    });
    if (opened.ok) this.#connector = opened.value;
    await Promise.all(this.#watched.map((watched) => this.#look(watched, running)));
    clearTimeout(this.#settling);
    this.#connector?.close();
  }

  async #look(watched: WatchedProcess, running: AbortSignal): Promise<void> {
    const { intervalMs } = watched.check;
    while (!running.aborted) {
      const startedMs = performance.now();
      const staleAfterMs = this.#connector === undefined ? intervalMs : SCAN_EVERY_MS;
      // Checks that look at about the same time share one scan.
      if (startedMs - this.#scannedMs > staleAfterMs / 2) await this.#scan();
      if (running.aborted) return;
      this.#say(watched);
      await pause(startedMs + intervalMs - performance.now(), running);
    }
  }

  #heard(event: ProcessEvent): void {
    switch (event.kind) {
      case 'answered':
        return;
      case 'forked':
        this.#census.forked(event.parent, event.child);
        break;
      case 'exited':
        this.#census.exited(event.pid);
        this.#renamed.delete(event.pid);
        break;
      case 'renamed':
        this.#renamed.add(event.pid);
    }
    this.#settling ??= setTimeout(() => {
      this.#settling = undefined;
      void this.#settle();
    }, SETTLE_MS);
  }

  async #settle(): Promise<void> {
    const seen = [...this.#renamed].flatMap((pid) => readProcessStat(pid) ?? []);
    this.#renamed.clear();
    for (const stat of seen) this.#census.seen(stat);
    await this.#readArguments(seen);
    this.#judge();
  }

  #judge(): void {
    for (const watched of this.#watched) {
      const said = this.#lastSaid.get(watched);
      if (said !== undefined && said !== this.#passes(watched)) this.#say(watched);
    }
  }

  #scan(): Promise<void> {
    this.#scanning ??= this.#scanNow().finally(() => {
      this.#scanning = undefined;
    });
    return this.#scanning;
  }

  async #scanNow(): Promise<void> {
    this.#scannedMs = performance.now();
    await this.#readArguments(this.#census.scanned(readStats()));
  }

  async #readArguments(stats: readonly ProcessStat[]): Promise<void> {
    for (const stat of stats) {
      if (this.#unreadable >= UNREADABLE_MAX) return;
      const read = readArgumentName(stat).then((name) => this.#census.argumentRead(stat, name));
      if (await isOverWithin(READ_PATIENCE_MS, read)) continue;
      this.#unreadable += 1;
      void read.then(() => {
        this.#unreadable -= 1;
      });
    }
  }

  #passes({ check: { process: name, quorum } }: WatchedProcess): boolean {
    return this.#census.count(name) >= quorum;
  }

  #say(watched: WatchedProcess): void {
    const { process: name, quorum, intervalMs } = watched.check;
    const found = this.#census.count(name);
    const healthy = found >= quorum;
    const how = this.#connector === undefined ? `looked at every ${intervalMs} ms` : 'by kernel events';
    const needed = quorum === 1 ? '' : ` of ${quorum} needed`;
    this.#lastSaid.set(watched, healthy);
    watched.say({
      healthy,
      detail: `${found} ${found === 1 ? 'process' : 'processes'}${needed} named ${name} (${how})`,
    });
  }
}

async function isOverWithin(patienceMs: number, work: Promise<unknown>): Promise<boolean> {
  const late = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => late.resolve(false), patienceMs);
  const over = await Promise.race([work.then(() => true), late.promise]);
  clearTimeout(timer);
  return over;
}
