import { isAbsolute } from 'node:path';
import { Name } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { parseAddress, parseListenAddress, parseNetwork, parsePrefix, parseTcpTarget } from './address.ts';
import { announceTable } from './announce.ts';
import { parseDuration } from './duration.ts';
import { FLOATING_IP_KEYS, floatingIpTable, refuseSharedAddresses } from './floating-ip.ts';
import { foreignKeys, ofKinds } from './kind-keys.ts';
import type { Path } from './problem.ts';
import { ADDRESS_SCOPES, GROUP_STATES } from './types.ts';

// DESIGN section 7, key by key: what one value alone must look like. What values must be to each other is in rules.ts.

/** A value written as text: `parse` says what it means, or undefined. */
function textOf<T>(parse: (text: string) => T | undefined, message: string) {
  return z.string().transform((text, context): T => {
    const parsed = parse(text);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

function integer(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z.int().min(min, message).max(max, message);
}

const NodeName = Name;
export const Duration = textOf(parseDuration, 'must be a duration of at most a day, such as "250ms", "1s" or "1m"');
const IpAddress = textOf(
  (text) => parseAddress(text)?.address,
  'must be an IPv4 or IPv6 address, such as "192.0.2.1", without prefix length or zone',
);
const IpPrefix = textOf(parsePrefix, 'must be an address with its prefix length, such as "192.0.2.100/24"');
/** The kernel allows more; the rest would need quoting in every rule set, label and log line. */
const InterfaceName = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,14}$/, 'must be the name of an interface: at most 15 letters, digits, . _ -');
const Label = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._:-]{0,14}$/, 'must be at most 15 letters, digits, . _ - :');
const AbsolutePath = z
  .string()
  .max(4_095)
  .refine((path) => isAbsolute(path) && !path.includes('\0'), 'must be an absolute path, starting with /');
const HttpUrl = textOf(parseHttpUrl, 'must be a URL that starts with https:// or http://');
const BaseUrl = textOf(parseBaseUrl, 'must be a URL such as "https://witness.example.com", without user, query and #');
const Word = z.string().min(1, 'must not be empty').max(255);
const Command = z
  .array(z.string().refine((word) => !word.includes('\0'), 'must not contain a NUL'))
  .min(1, 'must name a program')
  .max(64)
  .refine(
    ([program]) => program === undefined || isAbsolute(program),
    'must begin with the absolute path of a program',
  );
const TcpTarget = textOf(parseTcpTarget, 'must be HOST:PORT, such as "127.0.0.1:25" or "[::1]:25"');
/** Whoever looks more often measures the look, not the service. */
const CHECK_INTERVAL_MIN_US = 100_000;
const RT_TABLE_LOCAL = 255;
const NOTIFY_TIMEOUT_MIN_US = 100_000;

const Api = z.strictObject({
  listen: textOf(parseListenAddress, 'must be IP:PORT, such as "127.0.0.1:9112" or "[::1]:9112"').prefault(
    '127.0.0.1:9112',
  ),
  token_file: AbsolutePath.optional(),
});

const Witness = z.strictObject({ url: BaseUrl, cluster: Name, token_file: AbsolutePath });

const Peer = z.strictObject({
  node: NodeName,
  addresses: z.array(IpAddress).min(1, 'at least one address is needed').max(16),
});

const VirtualAddressTable = z.strictObject({
  address: IpPrefix,
  interface: InterfaceName.optional(),
  label: Label.optional(),
  scope: z.enum(ADDRESS_SCOPES).optional(),
  advertised: z.boolean().default(true),
});
const VirtualAddress = z.union([
  IpPrefix.transform((address): z.infer<typeof VirtualAddressTable> => ({ address, advertised: true })),
  VirtualAddressTable,
]);

const Network = textOf(
  parseNetwork,
  'must be a network, such as "203.0.113.0/24" or "0.0.0.0/0", with nothing set behind the prefix length',
);
const Route = z.strictObject({
  to: Network,
  via: IpAddress.optional(),
  interface: InterfaceName.optional(),
  source: IpAddress.optional(),
  metric: integer(1, 4_294_967_295).optional(),
  table: integer(1, 4_294_967_295)
    .refine((table) => table !== RT_TABLE_LOCAL, 'must not be the local table')
    .optional(),
});

/** keepalived's block of that name; its window counts whole seconds. */
const AuthHmac = z.strictObject({
  key_file: AbsolutePath,
  mode: z.enum(['enforce', 'permissive', 'receive-only']).default('enforce'),
  anti_replay: z.enum(['time', 'monotonic']).default('time'),
  time_window: Duration.refine((us) => us % 1_000_000 === 0 && us >= 1_000_000 && us <= 300_000_000, {
    message: 'must be whole seconds, 1s to 300s',
  }).optional(),
});

const Announce = announceTable(Duration, integer);

export const VirtualRouter = z.strictObject({
  interface: InterfaceName,
  virtual_router_id: integer(1, 255),
  version: z.literal([2, 3]).default(3),
  priority: z
    .int()
    .refine((priority) => priority !== 0, 'must be 1 to 255: with 0 a router says that it leaves')
    .refine((priority) => priority === 0 || (priority > 0 && priority <= 255), 'must be 1 to 255')
    .default(100),
  advertisement_interval: Duration.prefault('250ms'),
  /** An advertisement counts its addresses in one byte. */
  addresses: z.array(VirtualAddress).max(255),
  routes: z.array(Route).max(255).default([]),
  source_address: IpAddress.optional(),
  unicast: z.array(IpAddress).min(1, 'name a peer, or leave unicast out for multicast').max(255).optional(),
  min_ttl: integer(1, 255).optional(),
  virtual_mac: z.boolean().default(false),
  accept: z.boolean().default(true),
  checksum: z.enum(['pseudo-header', 'message']).default('pseudo-header'),
  announce: Announce.prefault({}),
  auth_hmac: AuthHmac.optional(),
  auth_pass: z
    .string()
    .regex(/^[\x21-\x7e]{1,8}$/, 'must be 1 to 8 letters, digits and signs, without spaces')
    .optional(),
});

const ArpTargetTable = z.strictObject({ address: IpAddress, interface: InterfaceName.optional() });
const ArpTarget = z.union([
  IpAddress.transform((address): z.infer<typeof ArpTargetTable> => ({ address })),
  ArpTargetTable,
]);
const HostName = z
  .string()
  .regex(/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/, 'must be the name of a host, such as "www.example.com"');
const ProcessName = z
  .string()
  .regex(/^[^/\p{Cc}]{1,255}$/u, 'must be the name of a program without its folder, such as "nginx"');
const CHECK_KINDS = ['command', 'http', 'tcp', 'process', 'file', 'interface', 'arp', 'push'] as const;
export const Check = z
  .strictObject({
    name: Name,
    command: Command.optional(),
    http: HttpUrl.optional(),
    tcp: TcpTarget.optional(),
    process: ProcessName.optional(),
    file: AbsolutePath.optional(),
    interface: InterfaceName.optional(),
    arp: ArpTarget.optional(),
    push: z.literal(true).optional(),
    user: Word.optional(),
    status: z.array(integer(100, 599)).min(1, 'name a status, or leave status out for 200 to 299').max(64).optional(),
    body: z.string().min(1, 'must not be empty').max(1_000).optional(),
    server_name: HostName.optional(),
    insecure: z.boolean().optional(),
    reverse: z.boolean().optional(),
    quorum: integer(1, 10_000).optional(),
    up_delay: Duration.optional(),
    down_delay: Duration.optional(),
    ttl: Duration.refine((us) => us >= CHECK_INTERVAL_MIN_US, 'must be at least 100ms').optional(),
    interval: Duration.refine((us) => us >= CHECK_INTERVAL_MIN_US, 'must be at least 100ms').prefault('1s'),
    timeout: Duration.refine((us) => us >= 1_000, 'must be at least 1ms').optional(),
    rise: integer(1, 100).default(1),
    fall: integer(1, 100).default(1),
    weight: integer(-254, 254).default(0),
  })
  .superRefine((check, context) => {
    if (CHECK_KINDS.filter((kind) => check[kind] !== undefined).length !== 1) {
      context.addIssue({ code: 'custom', message: `exactly one of ${CHECK_KINDS.join(', ')} is needed` });
      return;
    }
    for (const key of foreignKeys(check)) context.addIssue({ code: 'custom', path: [key], message: ofKinds(key) });
  });

const Notify = z
  .strictObject({
    command: Command.optional(),
    webhook: HttpUrl.optional(),
    secret_file: AbsolutePath.optional(),
    states: z
      .array(z.enum(GROUP_STATES))
      .min(1, 'name a state, or leave states out for all')
      .default([...GROUP_STATES]),
    keepalived_arguments: z.boolean().default(true),
    timeout: Duration.refine((us) => us >= NOTIFY_TIMEOUT_MIN_US, 'must be at least 100ms').prefault('30s'),
  })
  .refine((notify) => notify.command !== undefined || notify.webhook !== undefined, 'needs a command or a webhook')
  .refine((notify) => notify.secret_file === undefined || notify.webhook !== undefined, {
    path: ['secret_file'],
    message: 'signs what a webhook is sent, and there is no webhook',
  });

const FloatingIp = floatingIpTable({
  address: IpAddress,
  prefix: IpPrefix,
  path: AbsolutePath,
  baseUrl: BaseUrl,
  durationUs: Duration,
});

export const Group = z.strictObject({
  name: Name,
  mode: z.enum(['lease', 'vrrp']).default('lease'),
  policy: z.enum(['safe', 'bias', 'available']).optional(),
  bias_promise: Duration.optional(),
  key_file: AbsolutePath.optional(),
  preempt: z.boolean().default(false),
  preempt_delay: Duration.prefault('0s'),
  gateway: z.boolean().default(false),
  peers: z
    .array(Peer)
    .refine((peers) => peers.length <= 4, 'a group has five nodes at most: name four peers')
    .default([]),
  sideband_port: integer(1, 65_535).default(3112),
  virtual_router: z.array(VirtualRouter).min(1, 'at least one is needed').max(255),
  check: z
    .array(Check)
    .max(64)
    .refine((checks) => new Set(checks.map(({ name }) => name)).size === checks.length, {
      message: 'two checks have the same name; a report could not tell them apart',
    })
    .default([]),
  notify: z.array(Notify).max(16).default([]),
  floating_ip: z.array(FloatingIp).max(64).default([]),
});

export const ConfigFile = z.strictObject({
  node: NodeName,
  state_dir: AbsolutePath.default('/var/lib/tiebreak'),
  /** Holds a Unix socket, whose whole path the kernel limits to 107 bytes. */
  run_dir: AbsolutePath.refine((path) => Buffer.byteLength(path) <= 80, 'must be 80 bytes at most').default(
    '/run/tiebreak',
  ),
  start_delay: Duration.prefault('0s'),
  api: Api.prefault({}),
  witness: Witness.optional(),
  group: z.array(Group).min(1, 'at least one is needed').max(512).superRefine(refuseSharedAddresses),
});

/** One group or virtual router by itself, without its unknown keys and the tables below it. */
export const GroupAlone = z.object(
  Group.omit({ virtual_router: true, check: true, notify: true, floating_ip: true }).shape,
);
export const VirtualRouterAlone = z.object(VirtualRouter.shape);
export type GroupAlone = z.infer<typeof GroupAlone>;
export type VirtualRouterAlone = z.infer<typeof VirtualRouterAlone>;

/** A virtual router, or a group, that is sound by itself, and where it stands. */
export type CheckedRouter = { readonly path: Path; readonly table: VirtualRouterAlone };
export type CheckedGroup = {
  readonly path: Path;
  readonly table: GroupAlone;
  readonly routers: readonly CheckedRouter[];
};

export type WitnessTable = z.infer<typeof Witness>;

/** The keys of every table, by the path of the table without its indices. */
export const KNOWN_KEYS: ReadonlyMap<string, readonly string[]> = new Map(
  Object.entries({
    '': ConfigFile.shape,
    api: Api.shape,
    witness: Witness.shape,
    group: Group.shape,
    'group.peers': Peer.shape,
    'group.virtual_router': VirtualRouter.shape,
    'group.virtual_router.addresses': VirtualAddressTable.shape,
    'group.virtual_router.announce': Announce.shape,
    'group.virtual_router.auth_hmac': AuthHmac.shape,
    'group.virtual_router.routes': Route.shape,
    'group.check': Check.shape,
    'group.check.arp': ArpTargetTable.shape,
    'group.notify': Notify.shape,
  })
    .map(([path, shape]): [string, string[]] => [path, Object.keys(shape)])
    .concat([['group.floating_ip', [...FLOATING_IP_KEYS]]]),
);

function parseHttpUrl(text: string): string | undefined {
  return /^https?:\/\//.test(text) && URL.canParse(text) ? text : undefined;
}

/** Paths are appended to it: it comes without a trailing slash. */
function parseBaseUrl(text: string): string | undefined {
  if (parseHttpUrl(text) === undefined) return undefined;
  const { username, password, search, hash, href } = new URL(text);
  return username + password + search + hash === '' ? href.replace(/\/+$/, '') : undefined;
}
