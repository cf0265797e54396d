import type { Fence } from '../kernel/fence/index.ts';
import {
  type EventLoopSocket,
  type Link,
  type NetworkChange,
  openNetworkMonitor,
  type Rtnetlink,
  type SystemError,
} from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { fencedInterfaces } from './open-fence.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import type { ReconciledRouter } from './virtual-router.ts';

const LOOK_EVERY_MS = 2_000;
/** Agents that were started together do not look together. */
const JITTER = 0.2;
/** A look waits while a lease act is due within this time. It takes 0.1 ms on a small host. */
const ACT_SOON_US = 15_000;
const LOOK_AGAIN_MS = 5;
/** Groups at fast intervals always have something due soon. */
const POSTPONED_MAX = 40;

export type ReconcilerSurroundings = {
  readonly rtnetlink: Pick<Rtnetlink, 'links' | 'addresses'>;
  readonly routers: () => readonly ReconciledRouter[];
  /** undefined: plain VRRP on a kernel without nftables. */
  readonly fence: Pick<Fence, 'addInterface'> | undefined;
  /** As they were when the fence was put up. */
  readonly links: readonly Link[];
  /** CLOCK_BOOTTIME: when the next lease act is due. */
  readonly nextActUs: () => number;
  readonly nowUs: () => number;
  /** The link that a virtual router advertises on has been lost, or is back. */
  readonly onCarrier: (router: ReconciledRouter, up: boolean) => void;
  /** The fence covers one interface more. */
  readonly onFenced: (name: string) => void;
  readonly log: Logger;
};

/**
 * Keeps the kernel as it should be, whatever other programs and the hardware do (DESIGN section 4, Order): it hears of each
 * change of a link or an address when it happens, and looks at everything every 2 s for what it may have missed.
 */
export class Reconciler {
  readonly #around: ReconcilerSurroundings;
  readonly #complaints: RateLimitedLog;
  readonly #links = new Map<number, Link>();
  /** By name: the index that the interface had when it was fenced. */
  readonly #fenced = new Map<string, number>();
  readonly #carriers = new WeakMap<ReconciledRouter, boolean>();
  #monitor: EventLoopSocket | undefined;
  #timer: NodeJS.Timeout | undefined;
  #postponed = 0;
  #overruns = 0;

  constructor(around: ReconcilerSurroundings) {
    this.#around = around;
    this.#complaints = new RateLimitedLog(around.log, around.nowUs);
    const covered = new Set(fencedInterfaces(around.links));
    for (const { name, index } of around.links) if (covered.has(name)) this.#fenced.set(name, index);
  }

  /** How often the kernel had more to tell than was read in time, so that everything was read anew. */
  get overruns(): number {
    return this.#overruns;
  }

  start(): void {
    const monitor = openNetworkMonitor({
      onChange: (change) => this.heard(change),
      onLost: (error) => this.#lost(error),
    });
    if (monitor.ok) this.#monitor = monitor.value;
    else this.#around.log.error(`changes of interfaces and addresses are noticed after 2 s only: ${monitor.text}`);
    // What has changed between the reading of the interfaces and the opening of the monitor.
    this.look('read anew');
    this.#lookLater();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#monitor?.close();
  }

  heard(change: NetworkChange): void {
    switch (change.kind) {
      case 'link':
        this.#links.set(change.link.index, change.link);
        this.#linksChanged();
        return;
      case 'link-gone':
        this.#links.delete(change.link.index);
        this.#linksChanged();
        return;
      case 'address':
        for (const router of this.#around.routers()) router.addressCame(change.address);
        return;
      case 'address-gone':
        for (const router of this.#around.routers()) router.addressGone(change.address);
        return;
    }
  }

  /**
   * Compares everything with what should be there. The links are as the kernel has told of them, unless it could not tell:
   * to read 200 takes 19 ms, their addresses 1.6 ms.
   */
  look(links: 'as told' | 'read anew' = this.#monitor === undefined ? 'read anew' : 'as told'): void {
    const { rtnetlink, routers } = this.#around;
    if (links === 'read anew') {
      const read = rtnetlink.links();
      if (!read.ok) {
        this.#complain(read);
        return;
      }
      this.#links.clear();
      for (const link of read.value) this.#links.set(link.index, link);
    }
    // Also with nothing new: what failed before is tried again.
    this.#linksChanged();
    const addresses = rtnetlink.addresses();
    if (!addresses.ok) {
      this.#complain(addresses);
      return;
    }
    for (const router of routers()) router.reconcile(addresses.value);
  }

  #complain({ text }: SystemError): void {
    this.#complaints.error('unread', {}, `nobody knows whether all is as it should be on the interfaces: ${text}`);
  }

  #lost(error: SystemError): void {
    this.#overruns += 1;
    const text = `the kernel could not tell of every change of interfaces and addresses, so all are read anew: ${error.text}`;
    this.#complaints.warn('overrun', { overruns: this.#overruns }, text);
    this.look('read anew');
  }

  #lookLater(): void {
    const afterMs = LOOK_EVERY_MS * (1 + JITTER * (2 * Math.random() - 1));
    this.#timer = setTimeout(() => this.#lookUnlessBusy(), afterMs).unref();
  }

  #lookUnlessBusy(): void {
    const { nextActUs, nowUs } = this.#around;
    if (nextActUs() - nowUs() < ACT_SOON_US && this.#postponed < POSTPONED_MAX) {
      this.#postponed += 1;
      this.#timer = setTimeout(() => this.#lookUnlessBusy(), LOOK_AGAIN_MS).unref();
      return;
    }
    this.#postponed = 0;
    this.look();
    this.#lookLater();
  }

  #linksChanged(): void {
    const links = [...this.#links.values()];
    this.#coverNew(links);
    for (const router of this.#around.routers()) {
      router.linksChanged(links);
      const up = router.carrier();
      if (up === (this.#carriers.get(router) ?? true)) continue;
      this.#carriers.set(router, up);
      this.#around.onCarrier(router, up);
    }
  }

  /**
   * Covers interfaces that have come, or come again. Only once they are up: until then they answer nothing, and one that
   * becomes the port of a bridge, which must not be covered, usually becomes it before.
   */
  #coverNew(links: readonly Link[]): void {
    const { fence, log, onFenced } = this.#around;
    if (fence === undefined) return;
    for (const [name, index] of this.#fenced) if (!this.#links.has(index)) this.#fenced.delete(name);
    const names = new Set(fencedInterfaces(links));
    for (const { name, index, up } of links) {
      if (!up || !names.has(name) || this.#fenced.get(name) === index) continue;
      const covered = fence.addInterface(name);
      if (!covered.ok) {
        this.#complaints.error(`fence ${name}`, { interface: name }, covered.text);
        continue;
      }
      this.#fenced.set(name, index);
      log.info({ interface: name }, `interface ${name} has come: the fence covers it`);
      onFenced(name);
    }
  }
}
