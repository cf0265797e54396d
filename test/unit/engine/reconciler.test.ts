import { beforeEach, expect, test } from 'vitest';
import { Reconciler } from '../../../agent/engine/reconciler.ts';
import type { ReconciledRouter } from '../../../agent/engine/virtual-router.ts';
import type { InterfaceAddress, Link } from '../../../agent/kernel/index.ts';
import { RouterTraffic } from '../../../agent/metrics/counters/index.ts';
import { recordedLog } from './recorded-log.ts';
import { ROUTER } from './scripted-group.ts';
import { VirtualTime } from './virtual-time.ts';

function link(index: number, name: string, more: Partial<Link> = {}): Link {
  const mac = Uint8Array.of(2, 0, 0, 0, 0, index);
  const rest = { mtu: 1500, loopback: false, kind: 'veth', parentIndex: undefined, masterIndex: undefined };
  return { index, name, mac, up: true, carrier: true, ...rest, ...more };
}

const ETH0 = link(2, 'eth0');

/** A virtual router that notes what it is told. */
class Router implements ReconciledRouter {
  readonly config = ROUTER;
  readonly primaryAddress = Uint8Array.of(192, 0, 2, 2);
  readonly told: string[] = [];
  #carrier = true;

  linksChanged(links: readonly Link[]): void {
    this.#carrier = links.find(({ name }) => name === 'eth0')?.carrier ?? false;
  }
  carrier(): boolean {
    return this.#carrier;
  }
  addressCame({ prefixLength }: InterfaceAddress): void {
    this.told.push(`came /${prefixLength}`);
  }
  addressGone({ prefixLength }: InterfaceAddress): void {
    this.told.push(`gone /${prefixLength}`);
  }
  reconcile(present: readonly InterfaceAddress[]): void {
    this.told.push(`compared with ${present.length}`);
  }
  readonly traffic = new RouterTraffic();
  discarded() {
    return new Map();
  }
  corrections() {
    return { addressesRestored: 0, addressesRemoved: 0, foreignClaims: 0 };
  }
  prepareChange() {
    return { ok: false, error: 'this test changes nothing' } as const;
  }
  advertise(): void {}
  addAddresses(): void {}
  removeAddresses(): boolean {
    return true;
  }
  announce(): void {}
  faults(): string[] {
    return [];
  }
  async close(): Promise<void> {}
}

let links: Link[];
let router: Router;
let fenced: string[];
let refusing: boolean;
let told: string[];
let carriers: boolean[];
let reconciler: Reconciler;

beforeEach(() => {
  links = [ETH0];
  router = new Router();
  fenced = [];
  told = [];
  carriers = [];
  refusing = false;
  reconciler = new Reconciler({
    rtnetlink: {
      links: () => ({ ok: true, value: links }),
      addresses: () => ({ ok: true, value: [] }),
    },
    routers: () => [router],
    fence: {
      addInterface: (name) => {
        fenced.push(name);
        return refusing ? { ok: false, text: 'the kernel refuses' } : { ok: true };
      },
    },
    links,
    nextActUs: () => Number.POSITIVE_INFINITY,
    nowUs: new VirtualTime().nowUs,
    onCarrier: (_router, up) => carriers.push(up),
    onFenced: (name) => told.push(name),
    log: recordedLog().log,
  });
  reconciler.look();
});

const appears = (appeared: Link) => reconciler.heard({ kind: 'link', link: appeared });

test('an interface that comes is fenced once, as soon as it is up', () => {
  appears(link(7, 'new0', { up: false, carrier: false }));
  expect(fenced).toEqual([]);
  appears(link(7, 'new0', { carrier: false }));
  appears(link(7, 'new0'));
  expect(fenced).toEqual(['new0']);
  expect(told).toEqual(['new0']);
});

test('one that comes again under its name is another one, and is fenced too', () => {
  reconciler.heard({ kind: 'link-gone', link: ETH0 });
  appears(link(9, 'eth0'));
  expect(fenced).toEqual(['eth0']);
});

test('neither lo nor the port of a bridge is fenced', () => {
  appears(link(4, 'br0', { kind: 'bridge' }));
  appears(link(5, 'port', { masterIndex: 4 }));
  appears(link(1, 'lo', { loopback: true }));
  expect(fenced).toEqual(['br0']);
});

test('one that the kernel refused to fence is tried again at the next look', () => {
  refusing = true;
  links = [ETH0, link(7, 'new0')];
  reconciler.look();
  refusing = false;
  reconciler.look();
  reconciler.look();
  expect(fenced).toEqual(['new0', 'new0']);
  expect(told).toEqual(['new0']);
});

test('a carrier that is lost and comes back is told once each, also if the interface itself went', () => {
  appears(link(2, 'eth0', { carrier: false }));
  appears(link(2, 'eth0', { carrier: false }));
  appears(ETH0);
  reconciler.heard({ kind: 'link-gone', link: ETH0 });
  expect(carriers).toEqual([false, true, false]);
});

test('a look finds a carrier that no event told of, and compares the addresses', () => {
  links = [link(2, 'eth0', { carrier: false })];
  reconciler.look();
  expect(carriers).toEqual([false]);
  expect(router.told).toEqual(['compared with 0', 'compared with 0']);
});
