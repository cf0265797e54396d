import { isLinkLocal } from '@tiebreak/shared/vrrp';
import type { VirtualAddress, VirtualRouterConfig } from '../config/index.ts';
import type { AddressSpecification, InterfaceAddress, Rtnetlink, SystemResult } from '../kernel/index.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';

/** Where a virtual address is put. */
export type PlacedAddress = {
  readonly virtual: VirtualAddress;
  readonly bytes: Uint8Array;
  readonly interfaceIndex: number;
};

/** A virtual router's addresses in the kernel: there while this node owns, absent else, whatever other programs do. */
export class KeptAddresses {
  #config: VirtualRouterConfig;
  readonly #rtnetlink: Pick<Rtnetlink, 'addAddress' | 'removeAddress'>;
  readonly #complaints: RateLimitedLog;
  #placed: readonly PlacedAddress[];
  #wanted = false;
  #added = new Set<PlacedAddress>();
  readonly #faults = new Map<string, string>();
  #restored = 0;
  #removed = 0;

  constructor(options: {
    config: VirtualRouterConfig;
    placed: readonly PlacedAddress[];
    rtnetlink: Pick<Rtnetlink, 'addAddress' | 'removeAddress'>;
    complaints: RateLimitedLog;
  }) {
    this.#config = options.config;
    this.#placed = options.placed;
    this.#rtnetlink = options.rtnetlink;
    this.#complaints = options.complaints;
  }

  /** What keeps an address from being where it belongs, for a person. */
  get faults(): string[] {
    return [...this.#faults.values()];
  }

  /** How many were put back after another program had removed them. */
  get restored(): number {
    return this.#restored;
  }

  /** How many were taken away that did not belong here. */
  get removed(): number {
    return this.#removed;
  }

  get isOwner(): boolean {
    return this.#wanted;
  }

  add(): void {
    this.#wanted = true;
    for (const place of this.#placed) this.#add(place);
  }

  /** Whether they are gone for certain. Only what was added here: with priority 255 the address may be the host's own. */
  remove(): boolean {
    this.#wanted = false;
    let gone = true;
    for (const place of this.#added) {
      const removed = this.#rtnetlink.removeAddress(this.#specification(place));
      this.#note(place, 'could not be removed', removed);
      gone &&= removed.ok;
      if (removed.ok) this.#added.delete(place);
    }
    return gone;
  }

  /** An interface has come again, and its addresses went with it; or it has only another MAC address, and has them still. */
  moveTo(placed: readonly PlacedAddress[]): void {
    this.#place(placed);
    this.restore();
  }

  /** Takes away those that are not among `placed`. Whether they are gone for certain. */
  withdraw(placed: readonly PlacedAddress[]): boolean {
    let gone = true;
    for (const place of this.#added) {
      if (placed.some((other) => isSame(place, other))) continue;
      const removed = this.#rtnetlink.removeAddress(this.#specification(place));
      this.#note(place, 'could not be removed', removed);
      gone &&= removed.ok;
      this.#added.delete(place);
      if (removed.ok) this.#faults.delete(place.virtual.address);
    }
    return gone;
  }

  /** After `withdraw`: from now on these belong here. True: an owner has added one. */
  change(config: VirtualRouterConfig, placed: readonly PlacedAddress[]): boolean {
    this.#config = config;
    this.#place(placed);
    if (!this.#wanted) return false;
    return placed.filter((place) => !this.#added.has(place) && this.#add(place)).length > 0;
  }

  /** Puts back what is missing, if this node owns. True: something was. */
  restore(): boolean {
    if (!this.#wanted) return false;
    return this.#placed.filter((place) => this.#putBack(place)).length > 0;
  }

  /** The kernel says that an address has gone. True: it was ours to have, and is back. */
  gone(address: InterfaceAddress): boolean {
    const place = this.#placeOf(address);
    return this.#wanted && place !== undefined && this.#putBack(place);
  }

  /** The kernel says that an address is there; this node may not own it. */
  came(address: InterfaceAddress): void {
    if (!this.#wanted && this.#placeOf(address) !== undefined) this.#takeAway(address);
  }

  /** Compares all addresses of this host with what should be there. True: one was missing, and is back. */
  reconcile(present: readonly InterfaceAddress[]): boolean {
    if (!this.#wanted) {
      for (const place of this.#placed) this.#faults.delete(place.virtual.address);
      for (const address of present) this.came(address);
      return false;
    }
    const there = (place: PlacedAddress) => present.some((address) => isAt(address, place));
    return this.#placed.filter((place) => !there(place) && this.#putBack(place)).length > 0;
  }

  /** What was added here and is still wanted there stays ours to remove. */
  #place(placed: readonly PlacedAddress[]): void {
    const before = [...this.#added];
    this.#placed = placed;
    this.#added = new Set(placed.filter((place) => before.some((other) => isSame(place, other))));
  }

  #add(place: PlacedAddress): boolean {
    const outcome = this.#rtnetlink.addAddress(this.#specification(place));
    const done = outcome.ok && outcome.value === 'done';
    if (done) this.#added.add(place);
    this.#note(place, 'could not be added', outcome);
    return done;
  }

  #putBack(place: PlacedAddress): boolean {
    if (!this.#add(place)) return false;
    this.#restored += 1;
    const { address, interface: name } = place.virtual;
    const text = `another program removed ${address} from ${name}, where it belongs while this node owns: it is back`;
    this.#complaints.warn(`restored ${address}`, { address, interface: name }, text);
    return true;
  }

  #takeAway(found: InterfaceAddress): void {
    const place = this.#placeOf(found);
    if (place === undefined || this.#config.priority === 255) return;
    const { address, interface: name } = place.virtual;
    if (!found.ours) {
      const text = `${address} is on ${name} although this node does not own it, and tiebreak has not put it there; type: ip address del ${address}/${found.prefixLength} dev ${name}`;
      this.#faults.set(address, text);
      this.#complaints.error(`stray ${address}`, { address, interface: name }, text);
      return;
    }
    const removed = this.#rtnetlink.removeAddress({ ...found, label: undefined });
    this.#note(place, 'could not be removed', removed);
    if (!removed.ok || removed.value !== 'done') return;
    this.#removed += 1;
    const text = `removed ${address} from ${name}: it was there although this node does not own it`;
    this.#complaints.warn(`removed ${address}`, { address, interface: name }, text);
  }

  #placeOf(address: InterfaceAddress): PlacedAddress | undefined {
    return this.#placed.find((place) => isAt(address, place));
  }

  #specification({ virtual, bytes, interfaceIndex }: PlacedAddress): AddressSpecification {
    const { prefixLength, label, scope } = virtual;
    const { family, virtualMac } = this.#config;
    // The host's own traffic goes on to leave by the parent. A link-local network is each interface's own.
    const noPrefixRoute = virtualMac && !isLinkLocal(bytes);
    return { family, address: bytes, prefixLength, label: label ?? undefined, scope, interfaceIndex, noPrefixRoute };
  }

  #note({ virtual: { address } }: PlacedAddress, failure: string, outcome: SystemResult<unknown>): void {
    if (outcome.ok) {
      this.#faults.delete(address);
      return;
    }
    const text = `${address} ${failure}: ${outcome.text}`;
    this.#faults.set(address, text);
    this.#complaints.error(`${address} ${failure}`, { address, interface: this.#config.interface }, text);
  }
}

function isSame(one: PlacedAddress, other: PlacedAddress): boolean {
  return (
    one.interfaceIndex === other.interfaceIndex &&
    one.bytes.join('.') === other.bytes.join('.') &&
    one.virtual.prefixLength === other.virtual.prefixLength &&
    one.virtual.label === other.virtual.label &&
    one.virtual.scope === other.virtual.scope
  );
}

function isAt({ interfaceIndex, address }: InterfaceAddress, place: PlacedAddress): boolean {
  const { bytes } = place;
  if (interfaceIndex !== place.interfaceIndex || address.length !== bytes.length) return false;
  // Each of hundreds of virtual routers looks for its own among the addresses of all: no text is made of them.
  return address.every((byte, index) => byte === bytes[index]);
}
