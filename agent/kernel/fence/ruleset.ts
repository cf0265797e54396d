import { type AddressFamily, VRRP_PROTOCOL } from '@tiebreak/shared/vrrp';
import { addressesOf, allOf, assertSecret, type RulesetConfig, type SidebandPort } from './config.ts';
import { hopLimitChains, hopLimitRules } from './hop-limit.ts';
import { leaseChains } from './lease-chains.ts';
import { CONFIRMED_PORT, HANDED_ON_PORT, LEASE_PORT } from './lease-packet.ts';
import {
  advertisingMap,
  isOpen,
  leasedKeys,
  TARGET,
  type TableDuties,
  virtualAddresses,
  virtualMacMap,
} from './leased-keys.ts';
import { chain, label } from './nft-text.ts';

/** Before conntrack (-200), raw (-300) and everybody's filters (0). */
const PRIORITY = -500;

const LEASE_PORTS = `${LEASE_PORT}-${CONFIRMED_PORT}`;

// A fast pair (50 ms intervals) sends about 100 datagrams a second each way.
const SIDEBAND_LIMIT = 'limit rate over 4000/second burst 400 packets';

/**
 * The text of the fence for `nft`, one transaction: whatever tables of that name a former run left are replaced by ones
 * in which every group is closed, without a moment in between. The text holds the secret: never log it.
 */
export function fenceRuleset(config: RulesetConfig): string {
  assertSecret(config.secret);
  return [
    ...removal(config.egress ? ['netdev', 'inet'] : ['netdev', 'inet', 'arp']),
    ...tablesOf(config).flatMap(({ family, body }) => table(family, body)),
    ...config.interfaces.flatMap((name) => interfaceHooks(config, name)),
    '',
  ].join('\n');
}

/** A table: its sets and maps, one a line, and its chains. */
export interface FenceTable {
  readonly family: 'netdev' | 'inet' | 'arp';
  readonly body: readonly string[];
}

/** The tables without the chains of interfaces, which `interfaceHooks` has. */
export function tablesOf(config: RulesetConfig): FenceTable[] {
  return [
    { family: 'netdev', body: netdevTable(config) },
    { family: 'inet', body: inetTable(config) },
    ...(config.egress ? [] : [{ family: 'arp', body: arpTable(config) } as const]),
  ];
}

function netdevDuties({ egress }: RulesetConfig): TableDuties {
  return { advertisements: egress, ipv6Keys: 'target', virtualMacs: true };
}

function inetDuties({ egress }: RulesetConfig): TableDuties {
  return { advertisements: !egress, ipv6Keys: 'header', virtualMacs: false };
}

/** Hooks for an interface that has come (or come again) after the installation. Leaves everything else as it is. */
export function interfaceRuleset(config: RulesetConfig, interfaceName: string): string {
  return [...interfaceHooks(config, interfaceName), ''].join('\n');
}

/** Takes the fence's tables of the families away, whether or not they are there. */
export function removalRuleset(families: readonly ('netdev' | 'inet' | 'arp')[]): string {
  return [...removal(families), ''].join('\n');
}

// `add` makes `delete` succeed if there was none; nft 1.0.6 and older kernels have no `destroy`.
function removal(families: readonly string[]): string[] {
  return families.flatMap((family) => [`add table ${family} tiebreak`, `delete table ${family} tiebreak`]);
}

function netdevTable(config: RulesetConfig): string[] {
  return [
    ...leasedKeys(config, netdevDuties(config)),
    ...leaseChains(config, HANDED_ON_PORT),
    ...chain('lo_in', [
      `type filter hook ingress device "lo" priority ${PRIORITY}`,
      `ip daddr 127.0.0.1 udp dport ${LEASE_PORT} goto lease`,
    ]),
    ...chain('arp_in', [
      // A request in which one of our addresses is the sender is the owner's announcement: this host must learn it.
      'arp operation request arp saddr ip != @vip4 arp daddr ip vmap @lease4',
    ]),
    ...chain('arp_out', ['arp saddr ip vmap @lease4']),
    // Also from `::`: that is another host's duplicate address detection, which an ex-owner must not spoil. Others
    // announce by advertisements, which come in.
    ...chain('nd_in', [`icmpv6 type nd-neighbor-solicit ${TARGET} vmap @lease6`]),
    ...chain('nd_out', [`icmpv6 type nd-neighbor-advert ${TARGET} vmap @lease6`]),
  ];
}

/** The chains of one interface, made or made anew. */
export function interfaceHooks(config: RulesetConfig, name: string): string[] {
  const hook = (direction: 'ingress' | 'egress', chainName: string, rules: readonly string[]) => [
    `add chain netdev tiebreak ${chainName} { type filter hook ${direction} device "${name}" priority ${PRIORITY}; }`,
    `flush chain netdev tiebreak ${chainName}`,
    ...rules.map((rule) => `add rule netdev tiebreak ${chainName} ${rule}`),
  ];
  return [
    ...hook('ingress', `in_${label(name)}`, [
      'jump arp_in',
      'jump nd_in',
      ...untagged(virtualMacRules(config, name, 'daddr')),
    ]),
    ...(config.egress
      ? hook('egress', `out_${label(name)}`, [
          'jump arp_out',
          'jump nd_out',
          ...untagged([...virtualMacRules(config, name, 'saddr'), ...advertisementRules(config, name, 'egress')]),
        ])
      : []),
  ];
}

function advertisementRules(config: RulesetConfig, name: string, hook: 'egress' | 'output'): string[] {
  return (['ipv4', 'ipv6'] as const).flatMap((family) => {
    if (!advertisesOn(config, name, family)) return [];
    const vrrp = family === 'ipv4' ? `ip protocol ${VRRP_PROTOCOL}` : `ip6 version 6 meta l4proto ${VRRP_PROTOCOL}`;
    // Priority 0 may always leave: it says that this host is *not* the owner.
    const where = hook === 'output' ? `oifname "${name}" ` : '';
    return [`${where}${vrrp} @th,16,8 != 0 @th,8,8 vmap @${advertisingMap(name, family)}`];
  });
}

/**
 * On a macvlan's parent. In: before the kernel hands the frame to the macvlan, so that an ex-owner no longer receives or
 * forwards as a router. Out: or the switch would go on sending the owner's frames here.
 */
function virtualMacRules(config: RulesetConfig, name: string, side: 'daddr' | 'saddr'): string[] {
  const routers = config.groups.flatMap((group) => allOf(group).virtualRouters);
  const used = routers.some((router) => router.interface === name && router.virtualMac);
  return used ? [`ether ${side} vmap @${virtualMacMap(name)}`] : [];
}

/** The same VRID in a VLAN on top of this interface is another virtual router, guarded at the VLAN's own device. */
function untagged(rules: readonly string[]): string[] {
  // A tag that names no VLAN, only a priority, is taken off by the kernel, and the frame is this interface's own.
  return rules.length === 0 ? [] : ['@ll,96,16 { 0x8100, 0x88a8 } @ll,116,12 != 0 accept', ...rules];
}

function inetTable(config: RulesetConfig): string[] {
  const { userId, egress } = config;
  return [
    ...leasedKeys(config, inetDuties(config)),
    'set sideband_rate4 { type ipv4_addr; flags dynamic,timeout; size 65535; timeout 10s; }',
    'set sideband_rate6 { type ipv6_addr; flags dynamic,timeout; size 65535; timeout 10s; }',
    ...leaseChains(config, CONFIRMED_PORT),
    ...chain('pre', [
      `type filter hook prerouting priority ${PRIORITY}; policy accept;`,
      `iif lo ip daddr 127.0.0.1 udp dport ${HANDED_ON_PORT} goto lease`,
      // What passes through on its way to another host is none of ours.
      `udp dport ${LEASE_PORTS} fib daddr type local drop`,
      // `fib`: only what this host would answer itself. Transit to the owner goes on.
      'ip daddr @vip4 fib daddr type local ip daddr vmap @lease4',
      'ip6 daddr @vip6 fib daddr type local ip6 daddr vmap @lease6',
    ]),
    ...forwardChain(config),
    ...sidebandChains(config.sideband),
    ...hopLimitChains(),
    ...chain('in', [
      `type filter hook input priority ${PRIORITY}; policy accept;`,
      ...hopLimitRules(config.groups.map(allOf)),
      ...refusalRules(config),
      ...sidebandPorts(config.sideband).map(({ port }) => `udp dport ${port} goto sideband_${port}`),
    ]),
    ...chain('out', [
      `type filter hook output priority ${PRIORITY}; policy accept;`,
      `udp dport ${LEASE_PORTS} meta skuid != ${userId} drop`,
      `udp dport ${LEASE_PORTS} oif != lo drop`,
      `udp dport ${LEASE_PORT} notrack`,
      // What an ex-owner's own connections would still send; it also keeps its kernel from asking by ARP in their name,
      // and from announcing itself (arp_notify's sibling ndisc_notify) where there is no egress hook.
      'ip saddr vmap @lease4',
      'ip6 saddr vmap @lease6',
      ...(egress ? [] : config.interfaces.flatMap((name) => advertisementRules(config, name, 'output'))),
    ]),
  ];
}

/**
 * What is delivered here, so that what only passes through, or is sent on to another address (DNAT), still does. Neighbours
 * must be able to find the address (RFC 9568 section 6.1).
 */
function refusalRules({ groups }: RulesetConfig): string[] {
  const refused = groups.flatMap((group) => group.refused ?? []);
  const ipv4 = addressesOf(refused, 'ipv4').join(', ');
  const ipv6 = addressesOf(refused, 'ipv6').join(', ');
  const delivered = `meta l4proto != ${VRRP_PROTOCOL}`;
  return [
    ...(ipv4 === '' ? [] : [`${delivered} ip daddr { ${ipv4} } drop`]),
    ...(ipv6 === ''
      ? []
      : [
          `ip6 daddr { ${ipv6} } icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept`,
          `${delivered} ip6 daddr { ${ipv6} } drop`,
        ]),
  ];
}

/** A client that missed the new owner's announcement sends its frames here still: forwarded, they would hide the move. */
function forwardChain(config: RulesetConfig): string[] {
  const names = [...new Set(config.groups.flatMap((group) => group.gatewayInterfaces))];
  if (names.length === 0) return [];
  const gateways = names.flatMap((name) => {
    const groups = config.groups.filter((group) => group.gatewayInterfaces.includes(name));
    return chain(gatewayChain(name), [...groups.map((group) => `${isOpen(group)} return`), 'drop']);
  });
  return [
    ...gateways,
    ...chain('through', [
      `type filter hook forward priority ${PRIORITY}; policy accept;`,
      ...names.map((name) => `iifname "${name}" jump ${gatewayChain(name)}`),
    ]),
  ];
}

function gatewayChain(interfaceName: string): string {
  return `gateway_${label(interfaceName)}`;
}

/**
 * Without an egress hook: the kernel's own gratuitous ARP (`arp_notify`). Replies need no rule, since the requests are
 * dropped on the way in, and requests in our name need none, since the packets that cause them are. What is left, and
 * why this level is called `no_egress`: frames that a program sends through a packet socket.
 */
function arpTable(config: RulesetConfig): string[] {
  const pairs = virtualAddresses(config.groups, 'ipv4').map((address) => `${address} . ${address}`);
  if (pairs.length === 0) return [];
  return chain('out', [
    `type filter hook output priority ${PRIORITY}; policy accept;`,
    `arp saddr ip . arp daddr ip { ${pairs.join(', ')} } drop`,
  ]);
}

function sidebandChains(sideband: readonly SidebandPort[]): string[] {
  return sidebandPorts(sideband)
    .flatMap(({ port, peers }) =>
      chain(`sideband_${port}`, [
        ...fromPeers('ip', addressesOf(peers, 'ipv4')),
        ...fromPeers('ip6', addressesOf(peers, 'ipv6')),
        'drop',
      ]),
    )
    .concat(chain('sideband_ip', [`update @sideband_rate4 { ip saddr ${SIDEBAND_LIMIT} } drop`]))
    .concat(chain('sideband_ip6', [`update @sideband_rate6 { ip6 saddr ${SIDEBAND_LIMIT} } drop`]));
}

function fromPeers(protocol: 'ip' | 'ip6', peers: readonly string[]): string[] {
  return peers.length === 0 ? [] : [`${protocol} saddr { ${peers.join(', ')} } goto sideband_${protocol}`];
}

function sidebandPorts(sideband: readonly SidebandPort[]): SidebandPort[] {
  const ports = [...new Set(sideband.map(({ port }) => port))];
  return ports.map((port) => ({
    port,
    peers: [...new Set(sideband.filter((entry) => entry.port === port).flatMap((entry) => entry.peers))],
  }));
}

function advertisesOn({ groups }: RulesetConfig, name: string, family: AddressFamily): boolean {
  const routers = groups.flatMap((group) => allOf(group).virtualRouters);
  return routers.some((router) => router.interface === name && router.family === family);
}

function table(family: string, body: readonly string[]): string[] {
  return [`table ${family} tiebreak {`, ...body.map((line) => `  ${line}`), '}'];
}
