import { type AddressFamily, virtualRouterMac } from '@tiebreak/shared/vrrp';
import { sentinelMs } from './arithmetic.ts';
import { addressesOf, allOf, type FencedGroup, type FencedRouter, hexadecimal, type RulesetConfig } from './config.ts';
import { HELD_PER_PACKET, LEASE_PACKET_BYTES, leaseCode, SELF_TEST_GROUP } from './lease-packet.ts';
import { lifetimesMs, stepOf } from './lifetimes.ts';

/** One element that a group's lease keeps alive: a set, and a key in it. */
export interface LeasedElement {
  readonly set: string;
  readonly key: string;
}

// An element that a rule deletes frees its slot only at garbage collection: with room for 1024, the 1024th refresh
// was refused.
const DYNAMIC = 'flags dynamic,timeout; size 65535; gc-interval 1s';

// The kernel limits a rule to 128 expressions and 4 KiB; an update takes two, of some 150 bytes together.
const STATEMENTS_PER_RULE = 12;

// Fields of the lease packet, as bits from the start of the UDP header (the payload starts at 64).
const SECRET = '@th,64,128';
const SENTINEL = '@th,192,32 . @th,224,16';
const GROUP = '@th,224,16';
const GROUP_AND_CODE = '@th,224,32';
const OPEN_BIT = '@th,240,1';
const CODE = '@th,240,16';

/** The number of held group `slot` behind the lease packet proper. */
function heldId(slot: number): string {
  const udpHeaderBits = 64;
  return `@th,${udpHeaderBits + LEASE_PACKET_BYTES * 8 + slot * 16},16`;
}

/** The dynamic set that tells which virtual routers of an interface may advertise now. Its keys are VRIDs. */
export function advertisingSet(interfaceName: string, family: AddressFamily): string {
  return `advertising${family === 'ipv4' ? 4 : 6}_${label(interfaceName)}`;
}

/** The dynamic set of the virtual MAC addresses that may be used on an interface now. */
export function virtualMacSet(interfaceName: string): string {
  return `mac_${label(interfaceName)}`;
}

/** A virtual router's MAC address, as nft writes it. */
export function virtualMac({ family, virtualRouterId }: FencedRouter): string {
  return Buffer.from(virtualRouterMac(family, virtualRouterId))
    .toString('hex')
    .replace(/..(?!$)/g, '$&:');
}

/** The dynamic set of interfaces on which a group's host is other hosts' router now. One a group: they may share one. */
export function gatewaySet(group: Pick<FencedGroup, 'id'>): string {
  return `gateway_g${group.id}`;
}

/**
 * How a table knows IPv6 addresses: `inet` by the header's fields, `netdev` by the target of a neighbour solicitation or
 * advertisement, for which nft 1.0.6 has no name: the 128 bits after the first eight bytes of ICMPv6 (RFC 4861
 * sections 4.3 and 4.4).
 */
export type Ipv6Keys = 'header' | 'target';

export const TARGET = '@th,64,128';

/** The type of a set of IPv6 addresses. */
export function ipv6SetType(keys: Ipv6Keys): string {
  return keys === 'header' ? 'type ipv6_addr' : `typeof ${TARGET}`;
}

/** An IPv6 address as an element of such a set. */
export function ipv6Key(address: string, keys: Ipv6Keys): string {
  return keys === 'header' ? address : hexadecimal(address);
}

/** An interface name as part of an nft identifier, one to one: what an identifier may not hold becomes `_<hex>`. */
export function label(interfaceName: string): string {
  return interfaceName.replace(/[^A-Za-z0-9.-]/gu, (character) => `_${character.codePointAt(0)?.toString(16)}_`);
}

/** What a table does besides taking lease packets, and where it sends those that took effect. */
export interface TableDuties {
  readonly nextPort: number;
  /** It holds back VRRP advertisements. */
  readonly advertisements: boolean;
  readonly ipv6Keys: Ipv6Keys;
  /** It holds back frames to and from virtual MAC addresses. */
  readonly virtualMacs: boolean;
  /** It holds back what would be forwarded. */
  readonly forwarding: boolean;
}

/**
 * The sets and chains by which a table takes lease packets; both tables carry the same. The base chain sends the packet
 * to `lease`; if it takes effect it goes on to `nextPort`, else it ends here.
 */
export function leaseChains(config: RulesetConfig, duties: TableDuties): string[] {
  const handOn = `udp dport set ${duties.nextPort} accept`;
  const groups = [SELF_TEST, ...config.groups];
  const elements = (group: FencedGroup) => leasedElements(group, duties);
  return [
    ...leaseSets(config, duties),
    ...sentinelChains(groups, config.kernelTickUs, handOn),
    ...groups.flatMap((group) => lifetimeChains(group, elements(group), config.kernelTickUs, handOn)),
    ...groups.flatMap((group) => closeChain(group, elements(group), handOn)),
    ...heldChains(config.groups, elements, handOn),
    ...verdictChain(groups, config),
  ];
}

export const SELF_TEST: FencedGroup = {
  id: SELF_TEST_GROUP,
  addresses: [],
  virtualRouters: [],
  gatewayInterfaces: [],
  intervalUs: 0,
};

function leaseSets(config: RulesetConfig, duties: TableDuties): string[] {
  const routers = config.groups.flatMap((group) => allOf(group).virtualRouters);
  const gateways = config.groups.filter((group) => group.gatewayInterfaces.length > 0);
  const advertising = new Set(routers.map((router) => advertisingSet(router.interface, router.family)));
  const withMac = new Set(
    routers.filter((router) => router.virtualMac).map((router) => virtualMacSet(router.interface)),
  );
  return [
    `set armed { typeof ${SENTINEL}; ${DYNAMIC}; }`,
    `set alive { typeof ${GROUP}; ${DYNAMIC}; }`,
    `set owned4 { type ipv4_addr; ${DYNAMIC}; }`,
    `set owned6 { ${ipv6SetType(duties.ipv6Keys)}; ${DYNAMIC}; }`,
    ...(duties.advertisements ? [...advertising].map((name) => `set ${name} { typeof @th,8,8; ${DYNAMIC}; }`) : []),
    ...(duties.virtualMacs ? [...withMac].map((name) => `set ${name} { type ether_addr; ${DYNAMIC}; }`) : []),
    ...(duties.forwarding ? gateways.map((group) => `set ${gatewaySet(group)} { type ifname; ${DYNAMIC}; }`) : []),
  ];
}

function leasedElements(group: FencedGroup, duties: TableDuties): LeasedElement[] {
  // First, so that no pause between two of these updates lets `alive` outlive what it vouches for.
  return [{ set: 'alive', key: GROUP }, ...ownedElements(group, duties)];
}

/** The elements by which a table knows what is owned. */
export function ownedElements(
  group: Pick<FencedGroup, 'id' | 'addresses' | 'virtualRouters' | 'gatewayInterfaces'>,
  duties: TableDuties,
): LeasedElement[] {
  const { addresses, virtualRouters, gatewayInterfaces } = group;
  const advertising = ({ interface: name, family, virtualRouterId }: FencedRouter) => ({
    set: advertisingSet(name, family),
    key: String(virtualRouterId),
  });
  const mac = (router: FencedRouter) => ({ set: virtualMacSet(router.interface), key: virtualMac(router) });
  return [
    ...addressesOf(addresses, 'ipv4').map((address) => ({ set: 'owned4', key: address })),
    ...addressesOf(addresses, 'ipv6').map((address) => ({ set: 'owned6', key: ipv6Key(address, duties.ipv6Keys) })),
    ...(duties.advertisements ? virtualRouters.map(advertising) : []),
    ...(duties.virtualMacs ? virtualRouters.filter((router) => router.virtualMac).map(mac) : []),
    ...(duties.forwarding ? gatewayInterfaces.map((name) => ({ set: gatewaySet(group), key: `"${name}"` })) : []),
  ];
}

function sentinelChains(groups: readonly FencedGroup[], kernelTickUs: number, handOn: string): string[] {
  const lifetimesMs = new Set(groups.map((group) => sentinelMs(group.intervalUs, kernelTickUs)));
  return [...lifetimesMs].flatMap((lifetimeMs) =>
    allOrNothing(sentinelChain(lifetimeMs), [`update @armed { ${SENTINEL} timeout ${lifetimeMs}ms }`], handOn),
  );
}

function lifetimeChains(
  group: FencedGroup,
  elements: readonly LeasedElement[],
  kernelTickUs: number,
  handOn: string,
): string[] {
  return lifetimesMs(group, kernelTickUs).flatMap((lifetimeMs) =>
    allOrNothing(
      lifetimeChain(group, lifetimeMs),
      elements.map(({ set, key }) => `update @${set} { ${key} timeout ${lifetimeMs}ms }`),
      handOn,
    ),
  );
}

/**
 * One packet for all held groups that have something to prove just then. A slot that the packet does not have matches nothing;
 * a group that is no longer alive ends it, and with it the confirmation of the others.
 */
function heldChains(
  groups: readonly FencedGroup[],
  elements: (group: FencedGroup) => readonly LeasedElement[],
  handOn: string,
): string[] {
  const held = groups.filter(isHeld);
  if (held.length === 0) return [];
  const slots = Array.from({ length: HELD_PER_PACKET }, (_, slot) => heldId(slot));
  return [
    ...held.flatMap((group) => {
      const renewals = elements(group).map(({ set, key }) => {
        const own = key === GROUP ? String(group.id) : key;
        return `update @${set} { ${own} timeout ${group.heldMs}ms }`;
      });
      return allOrNothing(heldChain(group), renewals, 'return');
    }),
    `map held { typeof ${GROUP} : verdict; elements = { ${held.map((group) => `${group.id} : jump ${heldChain(group)}`).join(', ')} }; }`,
    ...chain('held', [
      `delete @armed { ${SENTINEL} }`,
      ...slots.flatMap((id) => [`${id} != @alive drop`, `${id} vmap @held`]),
      handOn,
      'drop',
    ]),
  ];
}

// CLOSE also takes away the sentinel that it names: an OPEN or REFRESH that is still queued for it comes too late.
function closeChain(group: FencedGroup, elements: readonly LeasedElement[], handOn: string): string[] {
  return chain(`g${group.id}_close`, [
    `delete @armed { ${SENTINEL} }`,
    ...elements.map(({ set, key }) => `delete @${set} { ${key} }`),
    handOn,
  ]);
}

function verdictChain(groups: readonly FencedGroup[], config: RulesetConfig): string[] {
  const secret = Buffer.from(config.secret).toString('hex');
  const toSentinel = groups.map(
    (group) => `${group.id} : goto ${sentinelChain(sentinelMs(group.intervalUs, config.kernelTickUs))}`,
  );
  const toClose = groups.map((group) => `${group.id} : goto g${group.id}_close`);
  const toLifetime = groups.flatMap((group) =>
    lifetimesMs(group, config.kernelTickUs).flatMap((lifetimeMs) => {
      const target = `goto ${lifetimeChain(group, lifetimeMs)}`;
      const step = stepOf(group, lifetimeMs);
      return [
        `${groupAndCode(group, leaseCode({ kind: 'refresh', step }))} : ${target}`,
        `${groupAndCode(group, leaseCode({ kind: 'open', step }))} : ${target}`,
      ];
    }),
  );
  return chain('lease', [
    `${SECRET} != 0x${secret} drop`,
    `${CODE} ${leaseCode({ kind: 'arm' })} ${GROUP} vmap { ${toSentinel.join(', ')} }`,
    `${CODE} ${leaseCode({ kind: 'close' })} ${GROUP} vmap { ${toClose.join(', ')} }`,
    `${SENTINEL} != @armed drop`,
    ...(groups.some(isHeld) ? [`${CODE} ${leaseCode({ kind: 'refresh-held', groupIds: [] })} goto held`] : []),
    // REFRESH only: an element that has expired, collected or not, would be made anew by `update`.
    `${OPEN_BIT} 0 ${GROUP} != @alive drop`,
    `delete @armed { ${SENTINEL} }`,
    `${GROUP_AND_CODE} vmap { ${toLifetime.join(', ')} }`,
    // Also for datagrams too short for the fields above: a rule that reads past the end does not match.
    'drop',
  ]);
}

function sentinelChain(lifetimeMs: number): string {
  return `arm_${lifetimeMs}ms`;
}

function lifetimeChain(group: FencedGroup, lifetimeMs: number): string {
  return `g${group.id}_${lifetimeMs}ms`;
}

function heldChain(group: FencedGroup): string {
  return `g${group.id}_held`;
}

function isHeld({ heldMs }: FencedGroup): boolean {
  return heldMs !== undefined;
}

function groupAndCode(group: FencedGroup, code: number): number {
  return group.id * 0x1_0000 + code;
}

/**
 * Chains that hand a packet on only if every statement took effect. Within a rule, a statement that fails (an `update`
 * that finds no room) ends the rule; in the next rule the packet would be handed on all the same, and be a false
 * confirmation.
 */
function allOrNothing(name: string, statements: readonly string[], handOn: string): string[] {
  const rest = statements.slice(STATEMENTS_PER_RULE);
  const next = `${name}_${rest.length}`;
  const rule = [...statements.slice(0, STATEMENTS_PER_RULE), rest.length === 0 ? handOn : `goto ${next}`].join(' ');
  return [...(rest.length === 0 ? [] : allOrNothing(next, rest, handOn)), ...chain(name, [rule, 'drop'])];
}

/** A regular chain, one rule per line. */
export function chain(name: string, rules: readonly string[]): string[] {
  return [`chain ${name} {`, ...rules.map((rule) => `  ${rule}`), '}'];
}
