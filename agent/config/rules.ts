import { isHostAddress, isLinkLocal } from './address.ts';
import { formatDuration } from './duration.ts';
import { at, type Finding } from './finding.ts';
import type { Path } from './problem.ts';
import { routeFindings } from './route-rules.ts';
import type { CheckedRouter, GroupAlone, VirtualRouterAlone } from './schema.ts';
import type { Source } from './source.ts';
import type { AddressFamily } from './types.ts';

// What the values of one group must be to each other (DESIGN sections 3 and 7).

type Mode = GroupAlone['mode'];

const MIN_LEASE_INTERVAL_US = 50_000;
/** The fence counts in kernel ticks and needs this many to an interval. */
const MIN_LEASE_TICKS = 14;
/** PROMISE_MAX / 2.5: a promise of 2.5 intervals may not be longer than the longest that a restart waits for. */
const MAX_LEASE_INTERVAL_US = 4_000_000;
const CENTISECOND_US = 10_000;
/** The field has 12 bits (RFC 9568 section 5.2.7). */
const MAX_V3_INTERVAL_US = 4_095 * CENTISECOND_US;
const SECOND_US = 1_000_000;

export function routerFindings(
  router: VirtualRouterAlone,
  path: Path,
  mode: Mode,
  tickMs: number,
  source: Source,
): Finding[] {
  return [
    ...intervalFindings(router, path, mode, tickMs, source),
    ...addressFindings(router, path, source),
    ...pathFindings(router, path, mode, source),
    ...linkLocalFindings(router, path, source),
    ...virtualMacFindings(router, path, mode, source),
    ...routeFindings(router, path, source),
    ...acceptFindings(router, path, mode, source),
  ];
}

/** The family of all addresses; undefined if they are mixed. */
export function familyOf(router: VirtualRouterAlone): AddressFamily | undefined {
  const [first, ...others] = router.addresses.map((entry) => entry.address.family);
  return others.every((family) => family === first) ? first : undefined;
}

function intervalFindings(
  { version, advertisement_interval: us }: VirtualRouterAlone,
  path: Path,
  mode: Mode,
  tickMs: number,
  source: Source,
): Finding[] {
  const interval = [...path, 'advertisement_interval'];
  const problem = (message: string, hint?: string): Finding[] => [
    at(source.valueAt(interval), interval, message, hint),
  ];
  if (version === 2 && (us % SECOND_US !== 0 || us < SECOND_US || us > 255 * SECOND_US)) {
    return problem('version 2 counts whole seconds, 1s to 255s', `this is ${formatDuration(us)}`);
  }
  if (version === 3 && (us % CENTISECOND_US !== 0 || us < CENTISECOND_US || us > MAX_V3_INTERVAL_US)) {
    return problem('version 3 counts steps of 10ms, from 10ms to 40.95s', `this is ${formatDuration(us)}`);
  }
  if (mode === 'vrrp') return [];
  const minUs = Math.max(MIN_LEASE_INTERVAL_US, MIN_LEASE_TICKS * tickMs * 1_000);
  if (us < minUs) {
    const reason = `at least ${formatDuration(minUs)} (50 ms and 14 kernel ticks of ${tickMs} ms)`;
    return problem(`mode "lease" needs ${reason}`, 'a shorter interval is for mode = "vrrp"');
  }
  if (us > MAX_LEASE_INTERVAL_US) return problem('mode "lease" allows at most 4s', 'a longer one is for mode = "vrrp"');
  return [];
}

function addressFindings(router: VirtualRouterAlone, path: Path, source: Source): Finding[] {
  const found: Finding[] = [];
  const family = router.addresses[0]?.address.family;
  for (const [index, entry] of router.addresses.entries()) {
    const here = [...path, 'addresses', index];
    const place = source.valueAt(here);
    const { address } = entry;
    if (address.family !== family) {
      found.push(at(place, here, 'IPv4 and IPv6 need a virtual router each', 'add a second [[group.virtual_router]]'));
    }
    if (!isHostAddress(address.address, address.family)) {
      found.push(at(place, here, `${address.address} is not an address that a host can have`));
    }
    const device = entry.interface ?? router.interface;
    if (entry.scope !== undefined && address.family === 'ipv6') {
      found.push(at(place, here, 'a scope is for IPv4 only: the kernel settles it for IPv6'));
    }
    if (entry.label !== undefined && address.family === 'ipv6') {
      found.push(at(place, here, 'a label is for IPv4 only'));
    } else if (entry.label !== undefined && entry.label !== device && !entry.label.startsWith(`${device}:`)) {
      found.push(at(place, here, `the label must start with the interface, as in "${device}:vip"`));
    }
  }
  if (router.version === 2 && family === 'ipv6') {
    found.push(at(source.valueAt([...path, 'version']), [...path, 'version'], 'version 2 is for IPv4 only'));
  }
  if (router.auth_hmac !== undefined && router.auth_pass !== undefined) {
    const here = [...path, 'auth_pass'];
    found.push(at(source.keyAt(here), here, 'auth_hmac and auth_pass exclude each other', 'leave auth_pass out'));
  }
  if (router.version === 3 && router.auth_pass !== undefined) {
    const here = [...path, 'auth_pass'];
    const message = 'version 3 has no passwords';
    found.push(
      at(source.keyAt(here), here, message, 'add version = 2, or leave auth_pass out: it protects from mistakes only'),
    );
  }
  if (!router.addresses.some((entry) => entry.advertised) && (router.version === 3 || router.addresses.length > 0)) {
    const here = [...path, 'addresses'];
    const hint = router.addresses.length === 0 ? 'only version 2 may have none' : undefined;
    found.push(at(source.keyAt(here), here, 'at least one must be advertised', hint));
  }
  return found;
}

/** How advertisements travel: the source and the receivers must be hosts of the same family, and not the address itself. */
function pathFindings(router: VirtualRouterAlone, path: Path, mode: Mode, source: Source): Finding[] {
  const own = new Set(router.addresses.map((entry) => entry.address.address));
  const ends = (router.unicast ?? []).map((address, index) => ({ address, path: [...path, 'unicast', index] }));
  if (router.source_address !== undefined) {
    ends.push({ address: router.source_address, path: [...path, 'source_address'] });
  }
  const family = familyOf(router);
  const found: Finding[] = [];
  if (router.min_ttl !== undefined && router.unicast === undefined) {
    const here = [...path, 'min_ttl'];
    const message = 'is for unicast only: multicast must have a TTL of 255 (RFC 9568 section 5.1.1.3)';
    found.push(at(source.keyAt(here), here, message, 'leave it out'));
  }
  return found.concat(
    ends.flatMap(({ address, path: here }) => {
      const place = source.valueAt(here);
      const addressFamily = address.includes(':') ? 'ipv6' : 'ipv4';
      if (family !== undefined && addressFamily !== family) {
        return [
          at(place, here, `must be an ${family === 'ipv4' ? 'IPv4' : 'IPv6'} address, as the virtual addresses are`),
        ];
      }
      if (!isHostAddress(address, addressFamily)) return [at(place, here, `${address} is not an address of one host`)];
      // With priority 255 the address is the router's own in plain VRRP (RFC 9568 section 6.1).
      const ownerOfAddress = mode === 'vrrp' && router.priority === 255 && here.at(-1) === 'source_address';
      return own.has(address) && !ownerOfAddress
        ? [at(place, here, 'must not be a virtual address, which moves', 'use an address that stays with its host')]
        : [];
    }),
  );
}

function linkLocalFindings(router: VirtualRouterAlone, path: Path, source: Source): Finding[] {
  const first = router.addresses.findIndex((entry) => entry.advertised);
  const address = router.addresses[first]?.address;
  if (address?.family !== 'ipv6' || isLinkLocal(address.address, 'ipv6')) return [];
  const here = [...path, 'addresses', first];
  const message = 'the first IPv6 address must be link-local (RFC 9568 section 5.2.9)';
  return [at(source.valueAt(here), here, message, 'put the fe80:: address first, for example "fe80::100/64"')];
}

/** The virtual MAC lives on one wire, with every address of its virtual router. */
function virtualMacFindings(router: VirtualRouterAlone, path: Path, mode: Mode, source: Source): Finding[] {
  if (!router.virtual_mac) return [];
  const found = router.addresses.flatMap((entry, index) => {
    if (entry.interface === undefined) return [];
    const here = [...path, 'addresses', index];
    const message = 'an address with an interface of its own cannot have the virtual MAC';
    return [at(source.valueAt(here), here, message, 'leave interface out, or give it a virtual router of its own')];
  });
  if (router.addresses.length === 0) {
    const here = [...path, 'virtual_mac'];
    found.push(at(source.keyAt(here), here, 'without an address nothing has the virtual MAC', 'leave virtual_mac out'));
  }
  if (mode === 'vrrp' && router.priority === 255) {
    const here = [...path, 'virtual_mac'];
    const message = "with priority 255 the addresses are this host's own and keep its own MAC address";
    found.push(at(source.keyAt(here), here, message, 'leave virtual_mac out, or choose a lower priority'));
  }
  return found;
}

/** With priority 255 the addresses are the host's own, which it goes on to use (RFC 9568 section 6.1). */
function acceptFindings(router: VirtualRouterAlone, path: Path, mode: Mode, source: Source): Finding[] {
  if (router.accept || mode !== 'vrrp' || router.priority !== 255) return [];
  const here = [...path, 'accept'];
  const message = "with priority 255 the addresses are this host's own, and it accepts what is sent to them";
  return [at(source.keyAt(here), here, message, 'leave accept out, or choose a lower priority')];
}

export function groupFindings(group: GroupAlone, path: Path, node: unknown, source: Source): Finding[] {
  if (group.mode === 'vrrp') return [];
  const found: Finding[] = [];
  const header = source.keyAt(path);
  if (group.key_file === undefined) {
    found.push(at(header, [...path, 'key_file'], 'is missing: the link between the agents is authenticated'));
  }
  if (group.peers.length === 0) {
    found.push(at(header, [...path, 'peers'], 'is missing: mode "lease" needs to know the other node'));
  }
  const nodes = new Set<unknown>([node]);
  const addresses = new Set<string>();
  for (const [index, peer] of group.peers.entries()) {
    const here = [...path, 'peers', index, 'node'];
    const message = peer.node === node ? 'is this node itself' : 'is named twice';
    if (nodes.has(peer.node)) found.push(at(source.valueAt(here), here, message, 'peers are the other nodes'));
    nodes.add(peer.node);
    for (const [addressIndex, address] of peer.addresses.entries()) {
      const addressPath = [...path, 'peers', index, 'addresses', addressIndex];
      if (addresses.has(address)) found.push(at(source.valueAt(addressPath), addressPath, 'is named twice'));
      addresses.add(address);
    }
  }
  return found;
}

/** Votes are for the group: its routers must agree on when to stand, or one would wait for another (section 3, Timing). */
export function unityFindings(routers: readonly CheckedRouter[], source: Source): Finding[] {
  const [first, ...others] = routers;
  if (first === undefined) return [];
  return others.flatMap(({ table, path }) =>
    (['advertisement_interval', 'priority'] as const).flatMap((key) => {
      if (table[key] === first.table[key]) return [];
      const here = [...path, key];
      const wanted =
        key === 'priority' ? `${first.table.priority}` : formatDuration(first.table.advertisement_interval);
      return [at(source.valueAt(here), here, `must be ${wanted}, as in the group's first virtual router`)];
    }),
  );
}

/**
 * In mode "vrrp" they move together too (shared/vrrp/routers.ts): a node that hears a higher one for any of them goes to Backup
 * with all, and two that do so at once stand again at once. What the peers have, this file cannot tell.
 */
export function crossablePriorities(routers: readonly CheckedRouter[], source: Source): Finding[] {
  const [first, ...others] = routers;
  if (first === undefined) return [];
  return others.flatMap(({ table, path }) => {
    if (table.priority === first.table.priority) return [];
    const here = [...path, 'priority'];
    const message = `is ${table.priority}, and that of the group's first virtual router ${first.table.priority}: they move together, so two nodes of which each is the higher for one of them may drive each other out again and again`;
    const hint = 'give all of them the same priority, or make sure that the higher node is the higher for all of them';
    return [at(source.valueAt(here), here, message, hint)];
  });
}

const LEASE_ONLY = ['policy', 'bias_promise', 'key_file', 'peers', 'sideband_port'] as const;

/** Settings that do nothing here. */
export function groupWarnings(group: GroupAlone, raw: object, path: Path, source: Source): Finding[] {
  const found = (group.mode === 'lease' ? [] : LEASE_ONLY)
    .filter((key) => Object.hasOwn(raw, key))
    .map((key) => at(source.keyAt([...path, key]), [...path, key], 'has no effect in mode "vrrp"'));
  if (group.mode === 'vrrp' && Object.hasOwn(raw, 'floating_ip')) {
    const here = [...path, 'floating_ip'];
    const message = 'in mode "vrrp" a cut link makes two owners, who take the address from each other';
    found.push(at(source.keyAt(here), here, message, 'mode = "lease" has one owner'));
  }
  if (group.preempt_delay !== 0 && !group.preempt) {
    const here = [...path, 'preempt_delay'];
    found.push(at(source.keyAt(here), here, 'has no effect without preempt = true'));
  }
  return found;
}
