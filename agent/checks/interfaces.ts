import type { WatchedCheckConfig } from '../config/index.ts';
import {
  type EventLoopSocket,
  type Link,
  type NetworkChange,
  openNetworkMonitor,
  openRtnetlink,
  type SystemResult,
} from '../kernel/in-any-thread.ts';
import { couldNotLook, failed, type Look } from './outcome.ts';
import { pause } from './pause.ts';
import { countsAtMs, type Steadiness, steadiness } from './steadiness.ts';

type InterfaceCheck = Extract<WatchedCheckConfig, { kind: 'interface' }>;
/** What is known of a link; undefined: it was not seen yet. Outlives the watch. */
export type InterfaceMemory = { steadiness: Steadiness | undefined };
export type WatchedInterface = {
  readonly check: InterfaceCheck;
  readonly say: (said: Look) => void;
  readonly memory: InterfaceMemory;
};

/** Looks at interfaces: at once when the kernel tells of a change, and at every check's interval. One watch for all checks. */
export class InterfaceWatch {
  readonly #watches: readonly OneInterface[];
  readonly #links = new Map<number, Link>();
  #monitor: SystemResult<EventLoopSocket> | undefined;
  #problem: string | undefined;

  constructor(watched: readonly WatchedInterface[]) {
    this.#watches = watched.map((one) => new OneInterface(one, (name) => this.#find(name)));
  }

  /** Until `running` is aborted. */
  async run(running: AbortSignal): Promise<void> {
    if (this.#watches.length === 0) return;
    this.#monitor = openNetworkMonitor({
      onChange: (change) => this.#heard(change),
      onLost: () => {
        this.#readAll();
        this.#changed();
      },
    });
    this.#readAll();
    await Promise.all(
      this.#watches.map(async (watch) => {
        while (!running.aborted) {
          const startedMs = performance.now();
          if (this.#monitor?.ok !== true || this.#problem !== undefined) this.#readAll();
          watch.look();
          await pause(startedMs + watch.intervalMs - performance.now(), running);
        }
        watch.close();
      }),
    );
    if (this.#monitor.ok) this.#monitor.value.close();
  }

  #find(name: string): Link | string | undefined {
    return this.#problem ?? [...this.#links.values()].find((link) => link.name === name);
  }

  #heard(change: NetworkChange): void {
    switch (change.kind) {
      case 'link':
        this.#links.set(change.link.index, change.link);
        break;
      case 'link-gone':
        this.#links.delete(change.link.index);
        break;
      case 'address':
      case 'address-gone':
        return;
    }
    this.#changed();
  }

  #changed(): void {
    for (const watch of this.#watches) watch.changed();
  }

  #readAll(): void {
    const rtnetlink = openRtnetlink();
    const read = rtnetlink.ok ? rtnetlink.value.links() : rtnetlink;
    if (rtnetlink.ok) rtnetlink.value.close();
    this.#problem = read.ok ? undefined : `the interfaces cannot be read: ${read.text}`;
    if (!read.ok) return;
    this.#links.clear();
    for (const link of read.value) this.#links.set(link.index, link);
  }
}

class OneInterface {
  readonly #check: InterfaceCheck;
  readonly #say: (said: Look) => void;
  readonly #find: (name: string) => Link | string | undefined;
  readonly #memory: InterfaceMemory;
  #due: NodeJS.Timeout | undefined;

  constructor({ check, say, memory }: WatchedInterface, find: (name: string) => Link | string | undefined) {
    this.#check = check;
    this.#say = say;
    this.#memory = memory;
    this.#find = find;
  }

  get intervalMs(): number {
    return this.#check.intervalMs;
  }

  close(): void {
    clearTimeout(this.#due);
  }

  /** Says what is found only if that is news. */
  changed(): void {
    const before = this.#memory.steadiness;
    if (before === undefined) return;
    this.#see();
    if (this.#memory.steadiness?.counted !== before.counted) this.#tell();
  }

  look(): void {
    this.#see();
    this.#tell();
  }

  #see(): void {
    const found = this.#find(this.#check.interface);
    const seen = typeof found === 'object' && found.up && found.carrier;
    const now = steadiness(this.#memory.steadiness, seen, performance.now(), this.#check);
    this.#memory.steadiness = now;
    clearTimeout(this.#due);
    const dueMs = countsAtMs(now, this.#check);
    if (dueMs !== undefined) {
      this.#due = setTimeout(() => this.changed(), Math.max(1, Math.ceil(dueMs - performance.now())));
    }
  }

  #tell(): void {
    const now = this.#memory.steadiness;
    if (now === undefined) return;
    const found = this.#find(this.#check.interface);
    const state = stateOf(this.#check.interface, found);
    const waits = now.counted === now.seen ? '' : `, since ${Math.round(performance.now() - now.sinceMs)} ms only`;
    if (typeof found === 'string') this.#say(couldNotLook(found));
    else this.#say(now.counted ? { healthy: true, detail: `${state}${waits}` } : failed(`${state}${waits}`));
  }
}

function stateOf(name: string, found: Link | string | undefined): string {
  if (found === undefined) return `there is no interface ${name}`;
  if (typeof found === 'string') return found;
  if (!found.up) return `${name} is switched off`;
  return found.carrier ? `${name} is up` : `${name} has no carrier`;
}
