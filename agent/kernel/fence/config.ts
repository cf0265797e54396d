import { isIP, isIPv6 } from 'node:net';
import { type AddressFamily, isLinkLocal, parseAddress } from '@tiebreak/shared/vrrp';
import { GROUP_ID_MAX, SECRET_BYTES } from './lease-packet.ts';

// A few ticks at HZ 100.
const HELD_MIN_MS = 50;

/** What the fence must know of a virtual router: by which advertisements others would take this host for the owner. */
export interface FencedRouter {
  readonly interface: string;
  readonly family: AddressFamily;
  /** 1 to 255. */
  readonly virtualRouterId: number;
  /** It has the MAC address of RFC 9568 section 7.3: frames to and from it are held back on `interface`, the macvlan's parent. */
  readonly virtualMac?: boolean;
  /** Whom it hears by unicast; null or left out: it hears multicast. */
  readonly unicast?: readonly string[] | null;
  /** The TTL or hop limit that what comes by unicast must have at least; 255 if left out. */
  readonly minTtl?: number;
}

/** What is owned and given up as one: a group in `lease` mode, or a virtual router in mode `vrrp`. */
export interface FencedGroup {
  /** 1 to 65535, the same for as long as the fence stands. */
  readonly id: number;
  /**
   * Every address of the group, IPv4 and IPv6, on whatever interface, advertised or not. A link-local address may come
   * twice, for two links; like any other it is fenced on all interfaces.
   */
  readonly addresses: readonly string[];
  readonly virtualRouters: readonly FencedRouter[];
  /** Those of `addresses` that this host does not accept packets for even while the group is open (RFC 9568, Accept_Mode). */
  readonly refused?: readonly string[];
  /**
   * Interfaces on which other hosts use the group's addresses as their router: while it is closed, nothing that comes in
   * there is forwarded. Groups may share one: then any of them that is open lets it through.
   */
  readonly gatewayInterfaces: readonly string[];
  /** The advertisement interval in microseconds. */
  readonly intervalUs: number;
  /**
   * Whole milliseconds for which every act holds the group open, whatever the lease: plain VRRP, which has none. Left
   * out: as long as the lease allows.
   */
  readonly heldMs?: number;
  /** Held back like the rest, and never let through again: the group is about to lose them. */
  readonly withdrawn?: {
    readonly addresses: readonly string[];
    readonly virtualRouters: readonly FencedRouter[];
  };
}

/** What the fence holds back for a group, whether or not the group may still have it. */
export function allOf(group: FencedGroup): Pick<FencedGroup, 'addresses' | 'virtualRouters'> {
  const { addresses, virtualRouters, withdrawn } = group;
  if (withdrawn === undefined) return group;
  return {
    addresses: [...addresses, ...withdrawn.addresses],
    virtualRouters: [...virtualRouters, ...withdrawn.virtualRouters],
  };
}

/** A sideband port, and who may send to it. Groups may share a port: their peers are united. */
export interface SidebandPort {
  readonly port: number;
  readonly peers: readonly string[];
}

/** What the fence is made for: the same until `Fence.change`. */
export interface FenceConfig {
  readonly groups: readonly FencedGroup[];
  /**
   * Every interface of the namespace, those of virtual routers even if they do not exist yet (`Fence.addInterface`
   * covers them when they come). Not lo, and not the ports of a bridge: those carry other hosts' ARP, while this
   * host's own passes the bridge device.
   */
  readonly interfaces: readonly string[];
  readonly sideband: readonly SidebandPort[];
}

/** All that the text of the ruleset is made from. */
export interface RulesetConfig extends FenceConfig {
  /** 16 random bytes, new for each installation. */
  readonly secret: Uint8Array;
  readonly kernelTickUs: number;
  /** The only user whose lease packets the kernel takes. */
  readonly userId: number;
  /** False on kernels without the netdev egress hook (before 5.16). */
  readonly egress: boolean;
}

/**
 * The first thing in the configuration that the fence cannot enforce, as a sentence; undefined if all is well. What is
 * accepted here is also safe to write into the text of a ruleset.
 */
export function problemIn(config: FenceConfig): string | undefined {
  const interfaces = new Set(config.interfaces);
  for (const name of interfaces) {
    if (!isInterfaceName(name)) return `'${name}' is not an interface name that nftables can write`;
    if (name === 'lo') return 'lo is always fenced and must not be listed';
  }
  return problemInGroups(config.groups, interfaces) ?? problemInSideband(config.sideband);
}

/** The secret must have its full length, or the ruleset would compare less than it promises. */
export function assertSecret(secret: Uint8Array): void {
  if (secret.length !== SECRET_BYTES) throw new Error(`the fence's secret must have ${SECRET_BYTES} bytes`);
}

function problemInGroups(groups: readonly FencedGroup[], interfaces: ReadonlySet<string>): string | undefined {
  const ids = new Set<number>();
  const groupOfAddress = new Map<string, number>();
  const groupOfRouter = new Map<string, number>();
  for (const { id, addresses, virtualRouters, gatewayInterfaces, heldMs, refused = [] } of groups) {
    const unknown = refused.find((address) => !addresses.includes(address));
    if (unknown !== undefined) return `'${unknown}' is refused, and no address of group ${id}`;
    if (heldMs !== undefined && !(Number.isInteger(heldMs) && heldMs >= HELD_MIN_MS)) {
      return `group ${id} cannot be held open for ${heldMs} ms`;
    }
    const stranger = gatewayInterfaces.find((name) => !interfaces.has(name));
    if (stranger !== undefined) return `interface ${stranger} of group ${id} is not among the fenced interfaces`;
    if (!Number.isInteger(id) || id < 1 || id > GROUP_ID_MAX) return `group id ${id} is outside 1..${GROUP_ID_MAX}`;
    if (ids.has(id)) return `group id ${id} is used twice`;
    ids.add(id);
    for (const address of addresses) {
      if (!isFencable(address)) return `'${address}' of group ${id} is not an IP address`;
      const key = hexadecimal(address);
      const earlier = groupOfAddress.get(key);
      if (earlier !== undefined && !(earlier === id && isLinkLocal(bytesOf(address)))) {
        return `${address} is listed twice (groups ${earlier}, ${id})`;
      }
      groupOfAddress.set(key, id);
    }
    for (const { interface: name, virtualRouterId, family, unicast } of virtualRouters) {
      const nobody = unicast?.find((peer) => !isFencable(peer));
      if (nobody !== undefined) return `unicast peer '${nobody}' of group ${id} is not an IP address`;
      if (!interfaces.has(name)) return `interface ${name} of group ${id} is not among the fenced interfaces`;
      if (!Number.isInteger(virtualRouterId) || virtualRouterId < 1 || virtualRouterId > 255) {
        return `virtual router id ${virtualRouterId} of group ${id} is outside 1..255`;
      }
      const router = `${name} ${virtualRouterId} ${family}`;
      if (groupOfRouter.has(router)) return `virtual router ${virtualRouterId} on ${name} is listed twice`;
      groupOfRouter.set(router, id);
    }
  }
  return undefined;
}

function problemInSideband(sideband: readonly SidebandPort[]): string | undefined {
  for (const { port, peers } of sideband) {
    if (!Number.isInteger(port) || port < 1 || port > 65_535) return `sideband port ${port} is outside 1..65535`;
    const stranger = peers.find((peer) => !isFencable(peer));
    if (stranger !== undefined) return `sideband peer '${stranger}' is not an IP address`;
  }
  return undefined;
}

// A zone would be no part of what packets carry, and '%' none of nft's grammar.
function isFencable(address: string): boolean {
  return isIP(address) !== 0 && !address.includes('%');
}

/** The addresses of one family, each once. */
export function addressesOf(addresses: readonly string[], family: AddressFamily): string[] {
  return [...new Set(addresses.filter((address) => (family === 'ipv6') === isIPv6(address)))];
}

/** An address as the number that packets carry. Throws for what is no address. */
export function hexadecimal(address: string): string {
  return `0x${Buffer.from(bytesOf(address)).toString('hex')}`;
}

function bytesOf(address: string): Uint8Array {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new Error(`'${address}' is not an address`);
  return bytes;
}

// Stricter than the kernel (no '/', ':' or white space): '"' and '\' would end nft's string, '*' is its wildcard.
export function isInterfaceName(name: string): boolean {
  return name !== '.' && name !== '..' && /^[^\s/:"\\*\p{Cc}]{1,15}$/u.test(name);
}
