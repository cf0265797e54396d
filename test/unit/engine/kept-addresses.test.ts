import { beforeEach, expect, test } from 'vitest';
import { KeptAddresses, type PlacedAddress } from '../../../agent/engine/kept-addresses.ts';
import { RateLimitedLog } from '../../../agent/engine/rate-limited-log.ts';
import type { AddressSpecification, InterfaceAddress, Rtnetlink } from '../../../agent/kernel/index.ts';
import { recordedLog } from './recorded-log.ts';
import { ROUTER } from './scripted-group.ts';
import { VirtualTime } from './virtual-time.ts';

const bytes = Uint8Array.of(192, 0, 2, 100);

/** The kernel's addresses; who adds with this interface adds with our mark. */
class Kernel {
  present: InterfaceAddress[] = [];

  put(interfaceIndex: number, ours: boolean, address: Uint8Array = bytes): InterfaceAddress {
    const flags = { flags: 0, tentative: false, duplicate: false, deprecated: false };
    const row = {
      interfaceIndex,
      family: 'ipv4' as const,
      address,
      prefixLength: 24,
      label: undefined,
      ours,
      ...flags,
    };
    this.present.push(row);
    return row;
  }

  readonly rtnetlink: Pick<Rtnetlink, 'addAddress' | 'removeAddress'> = {
    addAddress: ({ interfaceIndex, address }) => {
      if (this.#find({ interfaceIndex, address }) !== undefined) return { ok: true, value: 'already-there' };
      this.put(interfaceIndex, true, address);
      return { ok: true, value: 'done' };
    },
    removeAddress: (specification) => {
      const found = this.#find(specification);
      this.present = this.present.filter((row) => row !== found);
      return { ok: true, value: found === undefined ? 'not-there' : 'done' };
    },
  };

  #find({ interfaceIndex, address }: Pick<AddressSpecification, 'interfaceIndex' | 'address'>) {
    return this.present.find((row) => row.interfaceIndex === interfaceIndex && row.address.join() === address.join());
  }
}

let kernel: Kernel;
let addresses: KeptAddresses;
let lines: () => { msg: string }[];

beforeEach(() => {
  kernel = new Kernel();
  const recorded = recordedLog();
  lines = recorded.lines;
  addresses = new KeptAddresses({
    config: ROUTER,
    placed: placedOn(2),
    rtnetlink: kernel.rtnetlink,
    complaints: new RateLimitedLog(recorded.log, new VirtualTime().nowUs),
  });
});

function placedOn(interfaceIndex: number): PlacedAddress[] {
  return ROUTER.addresses.map((virtual) => ({ virtual, bytes, interfaceIndex }));
}

function removeByHand(): InterfaceAddress {
  const [gone] = kernel.present.splice(0);
  if (gone === undefined) throw new Error('there was none');
  return gone;
}

test('what another program removes from an owner is back at once, and counted', () => {
  addresses.add();
  expect(addresses.gone(removeByHand())).toBe(true);
  expect(kernel.present).toHaveLength(1);
  expect(addresses.restored).toBe(1);
  expect(lines().map(({ msg }) => msg)).toEqual([expect.stringContaining('another program removed 192.0.2.100')]);
});

test('a look finds what no event told of', () => {
  addresses.add();
  removeByHand();
  expect(addresses.reconcile(kernel.present)).toBe(true);
  expect(kernel.present).toHaveLength(1);
  expect(addresses.reconcile(kernel.present)).toBe(false);
  expect(addresses.restored).toBe(1);
});

test("the node's own removal is not put back, and its event is late news", () => {
  addresses.add();
  const own = kernel.present[0];
  if (own === undefined) throw new Error('it was added');
  addresses.remove();
  expect(addresses.gone(own)).toBe(false);
  addresses.add();
  expect(addresses.gone(own)).toBe(false);
  expect(addresses.restored).toBe(0);
});

test('the news that an address of an owner has come takes nothing away', () => {
  addresses.add();
  for (const row of [...kernel.present]) addresses.came(row);
  expect(kernel.present).toHaveLength(1);
});

test('an address with our mark goes from a node that does not own, on its own interface only', () => {
  const other = kernel.put(3, true);
  addresses.came(kernel.put(2, true));
  expect(kernel.present).toEqual([other]);
  expect(addresses.removed).toBe(1);
  kernel.put(2, true);
  addresses.reconcile(kernel.present);
  expect(kernel.present).toEqual([other]);
  expect(addresses.removed).toBe(2);
});

test("somebody else's address stays and is told of, until it has gone", () => {
  kernel.put(2, false);
  addresses.reconcile(kernel.present);
  expect(kernel.present).toHaveLength(1);
  expect(addresses.faults).toEqual([expect.stringContaining('ip address del 192.0.2.100/24 dev eth0')]);
  removeByHand();
  addresses.reconcile(kernel.present);
  expect(addresses.faults).toEqual([]);
});

test('on an interface that has come again an owner has its addresses again', () => {
  addresses.add();
  removeByHand();
  addresses.moveTo(placedOn(9));
  expect(kernel.present.map(({ interfaceIndex }) => interfaceIndex)).toEqual([9]);
  expect(addresses.remove()).toBe(true);
  expect(kernel.present).toEqual([]);
});

test('an interface that has only another MAC address has them still, and they are ours to remove', () => {
  addresses.add();
  addresses.moveTo(placedOn(2));
  expect(kernel.present).toHaveLength(1);
  expect(addresses.restored).toBe(0);
  expect(addresses.remove()).toBe(true);
  expect(kernel.present).toEqual([]);
});

test('an owner that is configured otherwise loses what it has no more, keeps the rest untouched, and gets what is new', () => {
  const other = Uint8Array.of(192, 0, 2, 101);
  addresses.add();
  const [kept] = kernel.present;
  const both = [...placedOn(2), ...placedOn(2).map((place) => ({ ...place, bytes: other }))];
  expect(addresses.withdraw(both)).toBe(true);
  expect(addresses.change(ROUTER, both)).toBe(true);
  expect(kernel.present).toHaveLength(2);
  expect(kernel.present[0]).toBe(kept);
  expect(addresses.withdraw(placedOn(3))).toBe(true);
  expect(kernel.present).toEqual([]);
  expect(addresses.change(ROUTER, placedOn(3))).toBe(true);
  expect(kernel.present.map(({ interfaceIndex }) => interfaceIndex)).toEqual([3]);
  expect(addresses.remove()).toBe(true);
  expect(kernel.present).toEqual([]);
});

test('an address of another scope is another address in its place', () => {
  addresses.add();
  const linked = placedOn(2).map((place) => ({ ...place, virtual: { ...place.virtual, scope: 'link' } as const }));
  expect(addresses.withdraw(linked)).toBe(true);
  expect(kernel.present).toEqual([]);
  expect(addresses.change(ROUTER, linked)).toBe(true);
  expect(kernel.present).toHaveLength(1);
});

test('a backup that is configured otherwise adds nothing', () => {
  expect(addresses.withdraw(placedOn(3))).toBe(true);
  expect(addresses.change(ROUTER, placedOn(3))).toBe(false);
  expect(kernel.present).toEqual([]);
});
