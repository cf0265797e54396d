import { type AddressFamily, virtualRouterMac } from '@tiebreak/shared/vrrp';
import { type GroupConfig, isVirtualMacInterface, type VirtualRouterConfig } from '../config/index.ts';
import {
  type InterfaceSetting,
  type Link,
  type Rtnetlink,
  readInterfaceSetting,
  writeInterfaceSetting,
} from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import type { OpenedFence } from './open-fence.ts';
import { StartFailure, valueOrFail } from './start-failure.ts';

type Wanted = { readonly setting: InterfaceSetting; readonly value: number };

/** The virtual MAC address of a configured router, and the macvlan that has it. */
type VirtualMac = {
  readonly name: string;
  readonly parent: string;
  readonly family: AddressFamily;
  readonly mac: Uint8Array;
  readonly router: VirtualRouterConfig;
};

/** Every macvlan that the configuration asks for, whether or not it is there. */
export function virtualMacInterfaces(groups: readonly GroupConfig[]): string[] {
  return virtualMacsOf(groups).map(({ name }) => name);
}

/**
 * The macvlans of the virtual routers with `virtual_mac`, made when the agent starts and removed when it ends. They are up
 * all the time, for to take one down costs 10 ms in the kernel: what a backup must not receive or send the fence holds back
 * on the parent. Only the addresses come and go.
 */
export class VirtualMacs {
  readonly #rtnetlink: Rtnetlink;
  readonly #log: Logger;
  readonly #made: string[] = [];
  readonly #formerly: Wanted[] = [];

  constructor(rtnetlink: Rtnetlink, log: Logger) {
    this.#rtnetlink = rtnetlink;
    this.#log = log;
  }

  /**
   * Takes away what an earlier run has left, with every address on it; the fence is closed by now. Without one nothing can
   * have been left, and another agent may be running: two cannot have a fence.
   */
  clearLeftOvers(opened: OpenedFence | undefined): void {
    if (opened === undefined) return;
    for (const { name, index } of this.#links().filter(isOurs)) {
      valueOrFail(this.#rtnetlink.removeLink(index), `clearing the left-over ${name}`);
      this.#log.warn({ interface: name }, `removed ${name}, left by an earlier run`);
    }
  }

  /** Makes what is configured. Throws StartFailure: without the fence a virtual MAC would be at two ports of the switch. */
  make(groups: readonly GroupConfig[], opened: OpenedFence | undefined): void {
    const plain = groups.filter(({ mode }) => mode === 'vrrp').flatMap(({ virtualRouters }) => virtualRouters);
    for (const virtual of virtualMacsOf(groups)) {
      const { name, router } = virtual;
      const unguarded = opened === undefined || (plain.includes(router) && !opened.guards.has(router));
      if (unguarded || opened.fence.level !== 'full') {
        throw new StartFailure(
          `virtual_mac of virtual router ${router.virtualRouterId} on ${router.interface} needs the whole fence (nftables with the egress hook of Linux 5.16), or a frozen host would keep the MAC address: leave virtual_mac out`,
        );
      }
      this.#makeOne(virtual, opened);
      this.#log.info({ interface: name }, `${name} is there for virtual router ${router.virtualRouterId}`);
    }
  }

  /** Takes those of these virtual routers away; what was set on the parent stays until `close`, for others may be there. */
  remove(routers: readonly VirtualRouterConfig[]): void {
    const names = new Set(
      routers.filter(({ virtualMac }) => virtualMac).map(({ addresses }) => addresses[0]?.interface),
    );
    for (const link of names.size === 0 ? [] : this.#links()) {
      const index = this.#made.indexOf(link.name);
      if (!names.has(link.name) || index === -1) continue;
      const removed = this.#rtnetlink.removeLink(link.index);
      if (removed.ok) this.#made.splice(index, 1);
      else this.#log.warn(`${link.name} could not be removed: ${removed.text}`);
    }
  }

  /** Leaves the interfaces as they were before. */
  close(): void {
    for (const link of this.#made.length === 0 ? [] : this.#links()) {
      if (!this.#made.includes(link.name)) continue;
      const removed = this.#rtnetlink.removeLink(link.index);
      if (!removed.ok) this.#log.warn(`${link.name} could not be removed: ${removed.text}`);
    }
    for (const { setting, value } of this.#formerly.splice(0).reverse()) {
      const restored = writeInterfaceSetting(setting, value);
      if (!restored.ok) this.#log.warn(restored.text);
    }
  }

  #makeOne({ name, parent, family, mac }: VirtualMac, { fence }: OpenedFence): void {
    const doing = `making ${name} for a virtual MAC on ${parent}`;
    const parentIndex = this.#links().find((link) => link.name === parent)?.index;
    if (parentIndex === undefined) throw new StartFailure(`${doing}: there is no interface ${parent}`);
    const added = valueOrFail(this.#rtnetlink.addMacvlan({ name, parentIndex, mac }), doing);
    if (added === 'already-there') {
      throw new StartFailure(`${doing}: an interface of that name exists and is not tiebreak's; rename or remove it`);
    }
    this.#made.push(name);
    for (const wanted of macvlanSettings(name, parent, family)) this.#set(wanted, doing);
    for (const wanted of parentSettings(parent, family)) {
      const value = this.#set(wanted, doing);
      if (value !== undefined) this.#formerly.push({ setting: wanted.setting, value });
    }
    const index = this.#links().find((link) => link.name === name)?.index;
    if (index === undefined) throw new StartFailure(`${doing}: it went away again`);
    // Before its first frame.
    const fenced = fence.addInterface(name);
    if (!fenced.ok) throw new StartFailure(`${doing}: ${fenced.text}`);
    valueOrFail(this.#rtnetlink.setLinkUp(index, true), doing);
  }

  /** Returns the former value; undefined where nothing was to change. */
  #set({ setting, value }: Wanted, doing: string): number | undefined {
    const former = readInterfaceSetting(setting);
    if (former === undefined || former === value) return undefined;
    valueOrFail(writeInterfaceSetting(setting, value), doing);
    return former;
  }

  #links(): Link[] {
    return valueOrFail(this.#rtnetlink.links(), 'reading the interfaces');
  }
}

function virtualMacsOf(groups: readonly GroupConfig[]): VirtualMac[] {
  const routers = groups.flatMap(({ virtualRouters }) => virtualRouters).filter(({ virtualMac }) => virtualMac);
  return routers.map((router) => {
    const { interface: parent, family, virtualRouterId, addresses } = router;
    const [first] = addresses;
    if (first === undefined) throw new Error(`virtual router ${virtualRouterId} was not checked`);
    return { name: first.interface, parent, family, mac: virtualRouterMac(family, virtualRouterId), router };
  });
}

/** By kind, name and MAC address: nobody else's interface has all three. */
function isOurs({ kind, name, mac }: Link): boolean {
  const ofVirtualRouter = (['ipv4', 'ipv6'] as const).some(
    (family) => Buffer.compare(mac, virtualRouterMac(family, mac[5] ?? 0)) === 0,
  );
  return kind === 'macvlan' && isVirtualMacInterface(name) && ofVirtualRouter;
}

/** What a macvlan needs that receives for its addresses, while the routes go on to lead over the parent. */
function macvlanSettings(name: string, parent: string, family: AddressFamily): Wanted[] {
  const wanted = (of: 'ipv4' | 'ipv6', key: string, value: number): Wanted => {
    return { setting: { family: of, interface: name, key }, value };
  };
  const likeParent = (key: string): Wanted[] => {
    const value = readInterfaceSetting({ family, interface: parent, key });
    return value === undefined ? [] : [wanted(family, key, value)];
  };
  // The parent's addresses, too, are the host's: they must never be answered with the virtual MAC.
  const quiet = wanted('ipv4', 'arp_ignore', 1);
  if (family === 'ipv6') {
    return [
      quiet,
      wanted('ipv6', 'disable_ipv6', 0),
      // No address but those of the virtual router (RFC 9568 section 7.4).
      wanted('ipv6', 'addr_gen_mode', 1),
      wanted('ipv6', 'accept_ra', 0),
      wanted('ipv6', 'autoconf', 0),
      ...likeParent('forwarding'),
    ];
  }
  // The kernel takes the stricter of `all` and the interface's own; loose mode (2) overrules the strict one (1).
  const strictEverywhere = readInterfaceSetting({ family: 'ipv4', interface: 'all', key: 'rp_filter' }) !== 0;
  return [
    quiet,
    wanted('ipv6', 'disable_ipv6', 1),
    // Clients are reached over the parent, so these two would have the macvlan drop what they send, and not answer.
    wanted('ipv4', 'rp_filter', strictEverywhere ? 2 : 0),
    wanted('ipv4', 'arp_filter', 0),
    // One address that goes takes no other with it.
    wanted('ipv4', 'promote_secondaries', 1),
    ...likeParent('forwarding'),
  ];
}

/** IPv6 needs none of it: there an address belongs to its interface. */
function parentSettings(parent: string, family: AddressFamily): Wanted[] {
  if (family === 'ipv6') return [];
  const atLeast = (key: string, least: number): Wanted => {
    const setting = { family: 'ipv4', interface: parent, key } as const;
    return { setting, value: Math.max(least, readInterfaceSetting(setting) ?? 0) };
  };
  return [
    // It must not answer for the virtual addresses with its own MAC,
    atLeast('arp_ignore', 1),
    // nor name them as sender when it asks for a client to which a virtual address speaks: the client would learn that.
    atLeast('arp_announce', 2),
  ];
}
