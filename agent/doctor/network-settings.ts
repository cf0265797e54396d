import { readFileSync } from 'node:fs';
import type { Config } from '../config/index.ts';
import { readInterfaceSetting } from '../kernel/index.ts';
import type { AgentState } from './agent-state.ts';
import { type Finding, ok, problem, warning } from './finding.ts';
import { routerInterfaces } from './host.ts';

/** IPv4 settings of the kernel, as they take effect. */
export type NetworkSettings = {
  /** Through which interfaces the default routes lead. */
  readonly defaultRoutes: readonly string[];
  readonly interfaces: readonly InterfaceSettings[];
};

export type InterfaceSettings = {
  readonly name: string;
  /** 0: off, 1: strict, 2: loose. */
  readonly rpFilter: number;
  readonly arpIgnore: number;
  readonly arpAnnounce: number;
  readonly forwarding: boolean;
};

export function readNetworkSettings(config: Config): NetworkSettings {
  const interfaces = routerInterfaces(config).map((name) => ({
    name,
    rpFilter: stricter(name, 'rp_filter'),
    arpIgnore: stricter(name, 'arp_ignore'),
    arpAnnounce: stricter(name, 'arp_announce'),
    forwarding: readInterfaceSetting({ family: 'ipv4', interface: name, key: 'forwarding' }) === 1,
  }));
  return { defaultRoutes: defaultRoutesIn(readFileSync('/proc/net/route', 'latin1')), interfaces };
}

/** The kernel takes the greater of the interface's own and that of `all`. */
function stricter(name: string, key: string): number {
  const values = [name, 'all'].map((of) => readInterfaceSetting({ family: 'ipv4', interface: of, key }) ?? 0);
  return Math.max(...values);
}

/** `text`: /proc/net/route. */
export function defaultRoutesIn(text: string): string[] {
  const rows = text.split('\n').slice(1);
  const found = rows.flatMap((row) => {
    const [name, destination, , , , , , mask] = row.split('\t').map((cell) => cell.trim());
    return name !== undefined && destination === '00000000' && mask === '00000000' ? [name] : [];
  });
  return [...new Set(found)];
}

export function judgeNetworkSettings(settings: NetworkSettings, config: Config, agent: AgentState): readonly Finding[] {
  const findings = settings.interfaces.flatMap((of) => [
    ...judgeReversePath(of, settings.defaultRoutes),
    ...judgeArp(of, config, agent),
    ...judgeForwarding(of, config),
  ]);
  return findings.length > 0
    ? findings
    : [ok('kernel settings', 'reverse path filter, ARP and forwarding are as they must be')];
}

function judgeReversePath({ name, rpFilter }: InterfaceSettings, defaultRoutes: readonly string[]): readonly Finding[] {
  if (rpFilter !== 1 || defaultRoutes.length === 0 || defaultRoutes.includes(name)) return [];
  const found = `rp_filter is strict, and the default route leads over ${defaultRoutes.join(', ')}: what clients of other networks send in by ${name} is dropped`;
  return [
    warning(name, found, `sysctl -w net.ipv4.conf.${name}.rp_filter=2 (and into /etc/sysctl.d), or route by source`),
  ];
}

function judgeArp(
  { name, arpIgnore, arpAnnounce }: InterfaceSettings,
  config: Config,
  agent: AgentState,
): readonly Finding[] {
  const routers = config.groups
    .flatMap(({ virtualRouters }) => virtualRouters)
    .filter((router) => router.interface === name && router.family === 'ipv4');
  const own = routers.filter((router) => !router.virtualMac);
  const findings: Finding[] = [];
  const mend = `sysctl -w net.ipv4.conf.${name}.arp_ignore=1, and net.ipv4.conf.all.arp_ignore=1`;
  if (arpIgnore === 8 && own.length > 0) {
    findings.push(problem(name, 'arp_ignore is 8: nobody is answered who asks for the virtual addresses', mend));
  }
  const alone = own.flatMap(({ addresses }) => addresses.filter(({ prefixLength }) => prefixLength === 32));
  if (arpIgnore === 2 && alone.length > 0) {
    const found = `arp_ignore is 2: it answers clients of the address's own network only, and ${alone.map(({ address }) => address).join(', ')} has none (/32)`;
    findings.push(problem(name, found, `${mend}, or give the address the prefix length of its network`));
  }
  // The agent sets both when it starts.
  if (agent.kind === 'running' && routers.some((router) => router.virtualMac) && (arpIgnore < 1 || arpAnnounce < 2)) {
    const found = `arp_ignore is ${arpIgnore} and arp_announce ${arpAnnounce}: with virtual_mac the interface would answer with its own MAC address`;
    const remedy = `some program has reset what the agent had set: sysctl -w net.ipv4.conf.${name}.arp_ignore=1 net.ipv4.conf.${name}.arp_announce=2`;
    findings.push(problem(name, found, remedy));
  }
  return findings;
}

function judgeForwarding({ name, forwarding }: InterfaceSettings, { groups }: Config): readonly Finding[] {
  const gateway = groups.find(
    (group) =>
      group.gateway && group.virtualRouters.some((router) => router.interface === name && router.family === 'ipv4'),
  );
  if (forwarding || gateway === undefined) return [];
  const found = `group ${gateway.name} is other hosts' router (gateway = true), and this host does not forward`;
  return [problem(name, found, 'sysctl -w net.ipv4.ip_forward=1 (and into /etc/sysctl.d)')];
}
