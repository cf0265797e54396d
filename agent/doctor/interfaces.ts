import { type Config, type GroupConfig, isLinkLocal, type VirtualRouterConfig } from '../config/index.ts';
import { type AgentState, groupStatusOf } from './agent-state.ts';
import { type Finding, ok, problem } from './finding.ts';
import { type HostInterface, routerInterfaces, virtualAddresses } from './host.ts';

/** The configuration's interfaces and addresses, against what the host has. */
export function judgeInterfaces(
  config: Config,
  interfaces: readonly HostInterface[],
  agent: AgentState,
): readonly Finding[] {
  const findings = [
    ...routerInterfaces(config).flatMap((name) => judgeLink(name, interfaces)),
    ...elsewhere(config).flatMap((name) => (has(interfaces, name) ? [] : [missing(name, interfaces)])),
    ...config.groups.flatMap((group) => judgeOwnAddresses(group, config, interfaces)),
    ...config.groups.flatMap((group) => judgeVirtualAddresses(group, interfaces, agent)),
    ...judgePeers(config, interfaces),
    ...interfaces.flatMap(judgeDuplicates),
  ];
  if (findings.length > 0) return findings;
  return [
    ok('interfaces', `${routerInterfaces(config).join(', ')}: up, with a carrier and an address of this host's own`),
  ];
}

function has(interfaces: readonly HostInterface[], name: string): boolean {
  return interfaces.some((candidate) => candidate.name === name);
}

/** Interfaces that only a virtual address or a route names; those of virtual MAC addresses are the agent's to make. */
function elsewhere({ groups }: Config): string[] {
  const routers = groups.flatMap(({ virtualRouters }) => virtualRouters);
  const named = routers.flatMap((router) => [
    ...(router.virtualMac ? [] : router.addresses.map((address) => address.interface)),
    ...router.routes.map((route) => route.interface),
  ]);
  const ofRouters = new Set(routers.flatMap((router) => [router.interface, ...macvlansOf(router)]));
  return [...new Set(named)].filter((name) => !ofRouters.has(name));
}

function macvlansOf({ virtualMac, addresses }: VirtualRouterConfig): string[] {
  return virtualMac ? addresses.map((address) => address.interface) : [];
}

function missing(name: string, interfaces: readonly HostInterface[]): Finding {
  const there = interfaces.filter(({ loopback }) => !loopback).map((link) => link.name);
  const found = `there is no such interface; this host has ${there.join(', ') || 'none but lo'}`;
  return problem(name, found, 'correct interface in the configuration, or set the interface up');
}

function judgeLink(name: string, interfaces: readonly HostInterface[]): readonly Finding[] {
  const link = interfaces.find((candidate) => candidate.name === name);
  if (link === undefined) return [missing(name, interfaces)];
  if (!link.up) return [problem(name, 'is switched off', `ip link set ${name} up`)];
  if (!link.carrier)
    return [problem(name, 'is up and has no carrier', 'look at the cable and at the port of the switch')];
  return [];
}

function judgeOwnAddresses(
  group: GroupConfig,
  config: Config,
  interfaces: readonly HostInterface[],
): readonly Finding[] {
  const virtual = virtualAddresses(config);
  return group.virtualRouters.flatMap(({ interface: name, family, sourceAddress, unicast }) => {
    const link = interfaces.find((candidate) => candidate.name === name);
    if (link === undefined) return [];
    const own = link.addresses.filter((held) => held.family === family && !virtual.has(held.address));
    const wanted =
      family === 'ipv6' && unicast === null ? own.filter(({ address }) => isLinkLocal(address, family)) : own;
    if (sourceAddress !== null && !own.some(({ address }) => address === sourceAddress)) {
      const found = `source_address ${sourceAddress} is not there`;
      return [problem(name, found, 'correct source_address, or give the interface that address')];
    }
    if (sourceAddress !== null || wanted.length > 0) return [];
    const kind = family === 'ipv6' ? (unicast === null ? 'link-local IPv6' : 'IPv6') : 'IPv4';
    const found = `has no ${kind} address of this host's own to send from`;
    return [problem(name, found, 'give it one that is none of the virtual addresses')];
  });
}

function judgeVirtualAddresses(
  group: GroupConfig,
  interfaces: readonly HostInterface[],
  agent: AgentState,
): readonly Finding[] {
  // Who cannot be asked may own it.
  if (agent.kind === 'unclear') return [];
  const role = groupStatusOf(agent, group.name)?.role;
  const owns = role === 'active';
  const wanted = group.virtualRouters.flatMap(({ addresses }) => addresses);
  return wanted.flatMap(({ address, interface: where }) => {
    const holders = interfaces.filter(({ addresses }) => addresses.some((held) => held.address === address));
    const [holder] = holders;
    if (owns && !holders.some(({ name }) => name === where)) {
      const found = `virtual address ${address} is not there, though this node owns group ${group.name}`;
      return [problem(where, found, "see the agent's log: it puts back what others remove")];
    }
    if (owns || holder === undefined) return [];
    const why = agent.kind === 'absent' ? 'though no agent runs' : `though this node does not own group ${group.name}`;
    const found = `virtual address ${address} is there, ${why}`;
    const remedy = `take it out of the host's network configuration, and: ip addr show to ${address}; ip addr del ${address}/PREFIX dev ${holder.name}`;
    return [problem(holder.name, found, remedy)];
  });
}

function judgePeers(config: Config, interfaces: readonly HostInterface[]): readonly Finding[] {
  const own = new Set(interfaces.flatMap(({ addresses }) => addresses.map(({ address }) => address)));
  return config.groups.flatMap((group) => {
    if (group.mode !== 'lease') return [];
    return group.peers.flatMap(({ node, addresses }) =>
      addresses
        .filter((address) => own.has(address))
        .map((address) => {
          const found = `${address} is given as peer ${node}'s, and is this host's own`;
          return problem(`peer ${node}`, found, 'peers names the other nodes; is this file meant for this host?');
        }),
    );
  });
}

function judgeDuplicates({ name, addresses }: HostInterface): readonly Finding[] {
  return addresses
    .filter(({ duplicate }) => duplicate)
    .map(({ address }) =>
      problem(
        name,
        `another host on the link has ${address} too, so the kernel does not use it`,
        'find that host, and change the address of one',
      ),
    );
}
