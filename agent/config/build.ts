import type { z } from 'zod';
import { buildFloatingIp } from './floating-ip.ts';
import { policyOf } from './policies.ts';
import type { ConfigFile } from './schema.ts';
import type {
  AnnounceConfig,
  AuthHmacConfig,
  CheckConfig,
  Config,
  GroupConfig,
  NotifyConfig,
  RouteConfig,
  VirtualAddress,
  VirtualRouterConfig,
} from './types.ts';
import { virtualMacInterface } from './virtual-mac.ts';

type File = z.infer<typeof ConfigFile>;
type GroupTable = File['group'][number];
type RouterTable = GroupTable['virtual_router'][number];

/** The engine's form of a file in which every check has found nothing. */
export function build(file: File): Config {
  return {
    node: file.node,
    stateDir: file.state_dir,
    startDelayUs: file.start_delay,
    runDir: file.run_dir,
    api: { listen: file.api.listen, tokenFile: file.api.token_file ?? null },
    witness:
      file.witness === undefined
        ? null
        : { url: file.witness.url, cluster: file.witness.cluster, tokenFile: file.witness.token_file },
    groups: file.group.map((group, index) => buildGroup(group, index + 1, file)),
  };
}

function buildGroup(table: GroupTable, id: number, file: File): GroupConfig {
  const virtualRouters = table.virtual_router.map(buildRouter);
  const base = {
    id,
    name: table.name,
    virtualRouters,
    gateway: table.gateway,
    checks: table.check.map((check) => buildCheck(check, table, file)),
    notify: table.notify.flatMap(buildNotify),
    floatingIps: table.floating_ip.map(buildFloatingIp),
  };
  if (table.mode === 'vrrp') {
    return { ...base, mode: 'vrrp', preempt: table.preempt, preemptDelayUs: table.preempt_delay };
  }
  const [first] = virtualRouters;
  if (first === undefined || table.key_file === undefined) throw new Error(`group ${table.name} was not checked`);
  return {
    ...base,
    mode: 'lease',
    policy: policyOf(table, file.witness !== undefined),
    preempt: table.preempt,
    preemptDelayUs: table.preempt_delay,
    keyFile: table.key_file,
    peers: table.peers,
    sidebandPort: table.sideband_port,
    intervalUs: first.advertisementIntervalUs,
    priority: first.priority,
  };
}

function buildCheck(table: GroupTable['check'][number], group: GroupTable, config: File): CheckConfig {
  const { name, rise, fall, weight, command, http, tcp, process, file } = table;
  const base = { name, rise, fall, weight };
  if (table.push) return { ...base, kind: 'push', ttlMs: table.ttl === undefined ? null : table.ttl / 1_000 };
  const intervalMs = table.interval / 1_000;
  const local = { ...base, intervalMs, reverse: table.reverse ?? false };
  const probed = { ...local, timeoutMs: table.timeout === undefined ? intervalMs : table.timeout / 1_000 };
  if (command !== undefined) {
    const [program, ...rest] = command;
    if (program !== undefined)
      return { ...probed, kind: 'command', program, arguments: rest, user: table.user ?? null };
  }
  if (http !== undefined) {
    const { status = null, body = null, server_name: serverName = null, insecure = false } = table;
    return { ...probed, kind: 'http', url: http, status, body, serverName, insecure };
  }
  if (tcp !== undefined) return { ...probed, kind: 'tcp', ...tcp };
  if (file !== undefined) return { ...probed, kind: 'file', path: file };
  if (table.arp !== undefined) {
    const routers = config.group.flatMap((each) => each.virtual_router);
    const notFrom = routers.flatMap(({ addresses }) => addresses.map(({ address }) => address.address));
    const device = table.arp.interface ?? group.virtual_router[0]?.interface ?? '';
    return { ...probed, kind: 'arp', address: table.arp.address, interface: device, notFrom };
  }
  if (process !== undefined) return { ...local, kind: 'process', process, quorum: table.quorum ?? 1 };
  if (table.interface !== undefined) {
    const upDelayMs = (table.up_delay ?? 0) / 1_000;
    const downDelayMs = (table.down_delay ?? 0) / 1_000;
    return { ...local, kind: 'interface', interface: table.interface, upDelayMs, downDelayMs };
  }
  throw new Error(`check ${name} was not checked`);
}

/** A table may name both: they are told independently of each other. */
function buildNotify(table: GroupTable['notify'][number]): NotifyConfig[] {
  const base = { states: table.states, timeoutMs: table.timeout / 1_000 };
  const found: NotifyConfig[] = [];
  const [program, ...rest] = table.command ?? [];
  if (program !== undefined) {
    found.push({ ...base, kind: 'command', program, arguments: rest, keepalivedArguments: table.keepalived_arguments });
  }
  if (table.webhook !== undefined) {
    found.push({ ...base, kind: 'webhook', url: table.webhook, secretFile: table.secret_file ?? null });
  }
  return found;
}

function buildRouter(table: RouterTable): VirtualRouterConfig {
  // Without any it is of version 2, which knows no other.
  const family = table.addresses[0]?.address.family ?? 'ipv4';
  const { interface: own, virtual_router_id: id, virtual_mac: virtualMac } = table;
  const home = virtualMac ? virtualMacInterface(own, family, id) : own;
  return {
    interface: own,
    virtualRouterId: id,
    version: table.version,
    family,
    priority: table.priority,
    advertisementIntervalUs: table.advertisement_interval,
    addresses: table.addresses.map((entry) => buildAddress(entry, home)),
    routes: table.routes.map((route) => buildRoute(route, own)),
    sourceAddress: table.source_address ?? null,
    unicast: table.unicast ?? null,
    minTtl: table.min_ttl ?? 255,
    checksum: table.checksum,
    authPass: table.auth_pass ?? null,
    authHmac: table.auth_hmac === undefined ? null : buildAuthHmac(table.auth_hmac, table.advertisement_interval),
    announce: buildAnnounce(table.announce),
    accept: table.accept,
    virtualMac,
  };
}

/** Also with a virtual MAC by the parent: what this host sends by itself does not move to the macvlan. */
function buildRoute(route: RouterTable['routes'][number], own: string): RouteConfig {
  const { family, address: to, prefixLength } = route.to;
  const { via = null, interface: device = own, source = null, metric = null, table = null } = route;
  return { family, to, prefixLength, via, interface: device, source, metric, table };
}

/** The window is keepalived's: three advertisements, and 5 s at least. */
function buildAuthHmac(table: NonNullable<RouterTable['auth_hmac']>, intervalUs: number): AuthHmacConfig {
  const { key_file: keyFile, mode, anti_replay: kind } = table;
  if (kind === 'monotonic') return { keyFile, mode, antiReplay: { kind } };
  const windowUs = table.time_window ?? Math.max(3 * intervalUs, 5_000_000);
  return { keyFile, mode, antiReplay: { kind, windowS: Math.min(300, Math.ceil(windowUs / 1_000_000)) } };
}

function buildAnnounce(table: RouterTable['announce']): AnnounceConfig {
  const { repeat_after: repeatAfterUs, refresh: refreshUs, refresh_copies: refreshCopies, spacing: spacingUs } = table;
  return { repeatAfterUs, copies: table.copies, refreshUs, refreshCopies, spacingUs };
}

function buildAddress(entry: RouterTable['addresses'][number], device: string): VirtualAddress {
  return {
    address: entry.address.address,
    prefixLength: entry.address.prefixLength,
    interface: entry.interface ?? device,
    label: entry.label ?? null,
    scope: entry.scope ?? 'global',
    advertised: entry.advertised,
  };
}
