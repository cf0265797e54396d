import { assertSecret, type RulesetConfig, type SidebandPort } from './config.ts';
import { advertisingSet, chain, label, leaseChains } from './lease-chains.ts';
import { CONFIRMED_PORT, HANDED_ON_PORT, LEASE_PORT } from './lease-packet.ts';

/** Before conntrack (-200), raw (-300) and everybody's filters (0). */
const PRIORITY = -500;

const LEASE_PORTS = `${LEASE_PORT}-${CONFIRMED_PORT}`;

const VRRP_PROTOCOL = 112;

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
    ...table('netdev', netdevTable(config)),
    ...config.interfaces.flatMap((name) => interfaceHooks(config, name)),
    ...table('inet', inetTable(config)),
    ...(config.egress ? [] : table('arp', arpTable(config))),
    '',
  ].join('\n');
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
    virtualAddressSet(config),
    ...leaseChains(config, HANDED_ON_PORT, config.egress),
    ...chain('lo_in', [
      `type filter hook ingress device "lo" priority ${PRIORITY}`,
      `ip daddr 127.0.0.1 udp dport ${LEASE_PORT} goto lease`,
    ]),
    ...chain('arp_in', [
      // A request in which one of our addresses is the sender is the owner's announcement: this host must learn it.
      'arp operation request arp daddr ip @vip4 arp saddr ip != @vip4 arp daddr ip != @owned4 drop',
    ]),
    ...chain('arp_out', ['arp saddr ip @vip4 arp saddr ip != @owned4 drop']),
  ];
}

function interfaceHooks(config: RulesetConfig, name: string): string[] {
  const hook = (direction: 'ingress' | 'egress', chainName: string, rules: readonly string[]) => [
    `add chain netdev tiebreak ${chainName} { type filter hook ${direction} device "${name}" priority ${PRIORITY}; }`,
    `flush chain netdev tiebreak ${chainName}`,
    ...rules.map((rule) => `add rule netdev tiebreak ${chainName} ${rule}`),
  ];
  return [
    ...hook('ingress', `in_${label(name)}`, ['jump arp_in']),
    ...(config.egress
      ? hook('egress', `out_${label(name)}`, ['jump arp_out', ...advertisementRules(config, name, 'egress')])
      : []),
  ];
}

function advertisementRules(config: RulesetConfig, name: string, hook: 'egress' | 'output'): string[] {
  const ids = routersOn(config, name);
  if (ids.length === 0) return [];
  const advertisement = `ip protocol ${VRRP_PROTOCOL} @th,16,8 != 0 @th,8,8 { ${ids.join(', ')} }`;
  return [
    // The same VRID in a VLAN on top of this interface is another virtual router, guarded at the VLAN's own device.
    ...(hook === 'egress' ? ['@ll,96,16 { 0x8100, 0x88a8 } accept'] : []),
    // Priority 0 may always leave: it says that this host is *not* the owner.
    `${hook === 'output' ? `oifname "${name}" ` : ''}${advertisement} @th,8,8 != @${advertisingSet(name)} drop`,
  ];
}

function inetTable(config: RulesetConfig): string[] {
  const { userId, egress } = config;
  const routerInterfaces = config.interfaces.filter((name) => routersOn(config, name).length > 0);
  return [
    virtualAddressSet(config),
    'set sideband_rate { type ipv4_addr; flags dynamic,timeout; size 65535; timeout 10s; }',
    ...leaseChains(config, CONFIRMED_PORT, !egress),
    ...chain('pre', [
      `type filter hook prerouting priority ${PRIORITY}; policy accept;`,
      `iif lo ip daddr 127.0.0.1 udp dport ${HANDED_ON_PORT} goto lease`,
      // What passes through on its way to another host is none of ours.
      `udp dport ${LEASE_PORTS} fib daddr type local drop`,
      // `fib`: only what this host would answer itself. Transit to the owner goes on.
      'ip daddr @vip4 fib daddr type local ip daddr != @owned4 drop',
    ]),
    ...sidebandChains(config.sideband),
    ...chain('in', [
      `type filter hook input priority ${PRIORITY}; policy accept;`,
      `meta l4proto ${VRRP_PROTOCOL} ip ttl != 255 drop`,
      `meta l4proto ${VRRP_PROTOCOL} ip6 hoplimit != 255 drop`,
      ...sidebandPorts(config.sideband).map(({ port }) => `udp dport ${port} goto sideband_${port}`),
    ]),
    ...chain('out', [
      `type filter hook output priority ${PRIORITY}; policy accept;`,
      `udp dport ${LEASE_PORTS} meta skuid != ${userId} drop`,
      `udp dport ${LEASE_PORTS} oif != lo drop`,
      `udp dport ${LEASE_PORT} notrack`,
      // What an ex-owner's own connections would still send; it also keeps its kernel from asking by ARP in their name.
      'ip saddr @vip4 ip saddr != @owned4 drop',
      ...(egress ? [] : routerInterfaces.flatMap((name) => advertisementRules(config, name, 'output'))),
    ]),
  ];
}

/**
 * Without an egress hook: the kernel's own gratuitous ARP (`arp_notify`). Replies need no rule, since the requests are
 * dropped on the way in, and requests in our name need none, since the packets that cause them are. What is left, and
 * why this level is called `no_egress`: frames that a program sends through a packet socket.
 */
function arpTable(config: RulesetConfig): string[] {
  const pairs = config.groups.flatMap((group) => group.addresses).map((address) => `${address} . ${address}`);
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
        ...(peers.length === 0 ? [] : [`ip saddr { ${peers.join(', ')} } goto sideband_peer`]),
        'drop',
      ]),
    )
    .concat(chain('sideband_peer', [`update @sideband_rate { ip saddr ${SIDEBAND_LIMIT} } drop`]));
}

function sidebandPorts(sideband: readonly SidebandPort[]): SidebandPort[] {
  const ports = [...new Set(sideband.map(({ port }) => port))];
  return ports.map((port) => ({
    port,
    peers: [...new Set(sideband.filter((entry) => entry.port === port).flatMap((entry) => entry.peers))],
  }));
}

function virtualAddressSet(config: RulesetConfig): string {
  const addresses = config.groups.flatMap((group) => group.addresses);
  const elements = addresses.length === 0 ? '' : ` elements = { ${addresses.join(', ')} }`;
  return `set vip4 { type ipv4_addr;${elements} }`;
}

function routersOn(config: RulesetConfig, name: string): number[] {
  const routers = config.groups.flatMap((group) => group.virtualRouters);
  return routers.filter((router) => router.interface === name).map((router) => router.virtualRouterId);
}

function table(family: string, body: readonly string[]): string[] {
  return [`table ${family} tiebreak {`, ...body.map((line) => `  ${line}`), '}'];
}
