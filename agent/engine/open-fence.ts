import type { GroupConfig, LeaseGroupConfig } from '../config/index.ts';
import { type Fence, type FenceOptions, installFence } from '../kernel/fence/index.ts';
import type { Link, Rtnetlink } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import { StartFailure, valueOrFail } from './start-failure.ts';
import { bytesOf } from './virtual-router.ts';

/** Puts the fence up, closed, in place of what a former run left. Throws StartFailure: without a fence there is no lease. */
export function openFence(
  groups: readonly LeaseGroupConfig[],
  links: readonly Link[],
  log: Logger,
  onInstalled: (secret: Uint8Array, options: FenceOptions) => void,
): Fence {
  const options: FenceOptions = {
    groups: groups.map((group) => ({
      id: group.id,
      addresses: group.virtualRouters.flatMap((router) => router.addresses.map(({ address }) => address)),
      virtualRouters: group.virtualRouters,
      gatewayInterfaces: gatewayInterfaces(group),
      intervalUs: group.intervalUs,
    })),
    interfaces: fencedInterfaces(links),
    sideband: groups.map((group) => ({
      port: group.sidebandPort,
      peers: group.peers.flatMap(({ addresses }) => addresses),
    })),
  };
  const installed = installFence(options, (secret) => onInstalled(secret, options));
  if (!installed.ok) throw new StartFailure(`no fence, so no lease: ${installed.text}`);
  const { fence } = installed;
  if (fence.level !== 'full') {
    const text = 'the kernel is older than 5.16 and has no egress hook: the fence is weaker, see docs/fault-model.md';
    log.warn({ fence: fence.level }, text);
  }
  return fence;
}

function gatewayInterfaces({ gateway, virtualRouters }: GroupConfig): string[] {
  if (!gateway) return [];
  return [...new Set(virtualRouters.flatMap((router) => router.addresses.map((address) => address.interface)))];
}

/** Every interface that carries this host's own ARP: not lo, and no port of a bridge, which carries other hosts'. */
function fencedInterfaces(links: readonly Link[]): string[] {
  const bridges = new Set(links.filter(({ kind }) => kind === 'bridge').map(({ index }) => index));
  return links
    .filter(({ loopback, mac, masterIndex }) => {
      const portOfBridge = masterIndex !== undefined && bridges.has(masterIndex);
      return !loopback && mac.length > 0 && !portOfBridge;
    })
    .map(({ name }) => name);
}

/** Takes away the virtual addresses that an earlier run has left behind. */
export function clearLeftOvers(
  groups: readonly GroupConfig[],
  links: readonly Link[],
  rtnetlink: Rtnetlink,
  log: Logger,
): void {
  for (const { family, addresses } of groups.flatMap((group) => group.virtualRouters)) {
    for (const { address, prefixLength, interface: name } of addresses) {
      const interfaceIndex = links.find((link) => link.name === name)?.index;
      if (interfaceIndex === undefined) continue;
      const specification = { interfaceIndex, family, address: bytesOf(address), prefixLength };
      const removed = valueOrFail(rtnetlink.removeAddress(specification), `clearing left-overs on ${name}`);
      if (removed === 'done') log.warn({ address, interface: name }, `removed ${address}, left by an earlier run`);
    }
  }
}
