import type { z } from 'zod';
import type { ConfigFile } from './schema.ts';
import type { Config, GroupConfig, VirtualAddress, VirtualRouterConfig } from './types.ts';

type File = z.infer<typeof ConfigFile>;
type GroupTable = File['group'][number];
type RouterTable = GroupTable['virtual_router'][number];

/** The engine's form of a file in which every check has found nothing. */
export function build(file: File): Config {
  return {
    node: file.node,
    stateDir: file.state_dir,
    runDir: file.run_dir,
    api: { listen: file.api.listen, tokenFile: file.api.token_file ?? null },
    witness:
      file.witness === undefined
        ? null
        : { url: file.witness.url, cluster: file.witness.cluster, tokenFile: file.witness.token_file },
    groups: file.group.map((group, index) => buildGroup(group, index + 1)),
  };
}

function buildGroup(table: GroupTable, id: number): GroupConfig {
  const virtualRouters = table.virtual_router.map(buildRouter);
  const base = { id, name: table.name, virtualRouters, gateway: table.gateway };
  if (table.mode === 'vrrp') {
    return { ...base, mode: 'vrrp', preempt: table.preempt, preemptDelayUs: table.preempt_delay };
  }
  const [first] = virtualRouters;
  if (first === undefined || table.key_file === undefined) throw new Error(`group ${table.name} was not checked`);
  return {
    ...base,
    mode: 'lease',
    policy: 'safe',
    preempt: table.preempt,
    preemptDelayUs: table.preempt_delay,
    keyFile: table.key_file,
    peers: table.peers,
    sidebandPort: table.sideband_port,
    intervalUs: first.advertisementIntervalUs,
    priority: first.priority,
    checks: table.check.map(({ name, rise, fall, weight }) => ({ name, kind: 'push', rise, fall, weight })),
  };
}

function buildRouter(table: RouterTable): VirtualRouterConfig {
  const addresses = table.addresses.map((entry) => buildAddress(entry, table.interface));
  const family = table.addresses[0]?.address.family;
  if (family === undefined) throw new Error(`virtual router ${table.virtual_router_id} was not checked`);
  return {
    interface: table.interface,
    virtualRouterId: table.virtual_router_id,
    version: table.version,
    family,
    priority: table.priority,
    advertisementIntervalUs: table.advertisement_interval,
    addresses,
    sourceAddress: table.source_address ?? null,
    unicast: table.unicast ?? null,
    checksum: table.checksum,
  };
}

function buildAddress(entry: RouterTable['addresses'][number], device: string): VirtualAddress {
  return {
    address: entry.address.address,
    prefixLength: entry.address.prefixLength,
    interface: entry.interface ?? device,
    label: entry.label ?? null,
    advertised: entry.advertised,
  };
}
