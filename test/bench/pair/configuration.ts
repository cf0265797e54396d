import type { HostName } from '../../lab/topology.ts';
import { NETWORK } from '../../lab/topology.ts';
import { interfacesFor, ROUTERS_PER_INTERFACE } from './network.ts';

/** How tiebreak has its virtual routers: each alone in mode "vrrp", or under leases. */
export type Arrangement = 'vrrp' | 'one lease group' | 'a lease group each';

export type Load = { readonly routers: number; readonly intervalMs: number };

/** What groups in mode "lease" need. */
export type Lease = {
  readonly witnessUrl: string;
  readonly cluster: string;
  readonly tokenFile: string;
  readonly keyFile: string;
};

type Router = { readonly id: number; readonly interfaceName: string; readonly address: string };

const GROUPS_MOST = 500;
const PRIORITY = { a: 200, b: 100 } as const;

/** @param realTimePriority for SCHED_RR; without, keepalived is scheduled as it is by default */
export function keepalivedManyRouters(
  host: HostName,
  { routers, intervalMs }: Load,
  realTimePriority: number | undefined,
): string {
  const instances = routersOf(routers).map(
    ({ id, interfaceName, address }) => `vrrp_instance ${interfaceName}-${id} {
  state BACKUP
  interface ${interfaceName}
  virtual_router_id ${id}
  priority ${PRIORITY[host]}
  advert_int ${intervalMs / 1_000}
  virtual_ipaddress {
    ${address} dev ${interfaceName}
  }
}
`,
  );
  const scheduling = realTimePriority === undefined ? '' : `  vrrp_rt_priority ${realTimePriority}\n`;
  return `global_defs {\n  router_id ${host}\n  vrrp_version 3\n${scheduling}}\n${instances.join('')}`;
}

export function tiebreakManyRouters(
  host: HostName,
  { routers, intervalMs }: Load,
  folders: { readonly state: string; readonly run: string },
  groups:
    | { readonly arrangement: 'vrrp' }
    | { readonly arrangement: Exclude<Arrangement, 'vrrp'>; readonly lease: Lease },
): string {
  const all = routersOf(routers);
  const tables = (members: readonly Router[]) =>
    members.map((router) => routerTable(host, router, intervalMs)).join('');
  const header = [`node = "${host}"`, `state_dir = "${folders.state}"`, `run_dir = "${folders.run}"`, ''].join('\n');
  switch (groups.arrangement) {
    case 'vrrp':
      return `${header}${inGroups(all)
        .map((members) => `[[group]]\nname = "${nameOf(members[0])}"\nmode = "vrrp"\n${tables(members)}`)
        .join('')}`;
    case 'one lease group':
      return `${header}${witnessTable(groups.lease)}${leaseGroup(host, 'all', groups.lease)}${tables(all)}`;
    case 'a lease group each':
      return `${header}${witnessTable(groups.lease)}${all
        .map((router) => `${leaseGroup(host, nameOf(router), groups.lease)}${tables([router])}`)
        .join('')}`;
  }
}

function routersOf(count: number): Router[] {
  const interfaces = interfacesFor(count);
  return Array.from({ length: count }, (_, index) => {
    const of = Math.floor(index / ROUTERS_PER_INTERFACE);
    const id = (index % ROUTERS_PER_INTERFACE) + 1;
    return { id, interfaceName: interfaces[of] ?? NETWORK.lanInterface, address: `10.79.${of}.${id}/32` };
  });
}

/** Each alone, as long as a configuration has room for so many groups. */
function inGroups(routers: readonly Router[]): (readonly [Router, ...Router[]])[] {
  const each = Math.ceil(routers.length / GROUPS_MOST);
  return routers.flatMap((router, index) =>
    index % each === 0 ? [[router, ...routers.slice(index + 1, index + each)] as const] : [],
  );
}

function nameOf({ interfaceName, id }: Router): string {
  return `${interfaceName}-${id}`;
}

function witnessTable({ witnessUrl, cluster, tokenFile }: Lease): string {
  return `[witness]\nurl = "${witnessUrl}"\ncluster = "${cluster}"\ntoken_file = "${tokenFile}"\n`;
}

function leaseGroup(host: HostName, name: string, { keyFile }: Lease): string {
  const peer = host === 'a' ? 'b' : 'a';
  const addresses = `["${NETWORK.hosts[peer].lan}"]`;
  return `[[group]]\nname = "${name}"\nkey_file = "${keyFile}"\npeers = [{ node = "${peer}", addresses = ${addresses} }]\n`;
}

function routerTable(host: HostName, { id, interfaceName, address }: Router, intervalMs: number): string {
  return `[[group.virtual_router]]
interface = "${interfaceName}"
virtual_router_id = ${id}
priority = ${PRIORITY[host]}
advertisement_interval = "${intervalMs}ms"
addresses = ["${address}"]
`;
}
