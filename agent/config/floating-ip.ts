import { BlockList, isIP } from 'node:net';
import { z } from 'zod';
import { isHostAddress, type Prefix } from './address.ts';
import type { AwsFloatingIpKind, FloatingIpConfig } from './types.ts';

// [[group.floating_ip]]: addresses that a cloud routes to the owner. What one value must look like comes from the
// schema, whose types these tables are made of.

/** What the schema has for every table already: the same values mean the same everywhere. */
type ValueTypes = {
  readonly address: z.ZodType<string, string>;
  readonly prefix: z.ZodType<Prefix, string>;
  readonly path: z.ZodType<string, string>;
  readonly baseUrl: z.ZodType<string, string>;
  readonly durationUs: z.ZodType<number, string>;
};

/** A cloud's limit of requests is for the whole account; more often than that nothing changes by itself. */
const VERIFY_INTERVAL_MIN_US = 5_000_000;
const VERIFY_INTERVAL_MAX_US = 3_600_000_000;
/** Where every one of these clouds has its metadata service. */
const METADATA_URL = 'http://169.254.169.254';

/** One [[group.floating_ip]]: the keys that there are depend on the provider. */
export function floatingIpTable({ address, prefix, path, baseUrl, durationUs }: ValueTypes) {
  const url = baseUrl.refine(isConfidential, {
    message:
      'must start with https://, since the token goes there; http:// is for an IP address of the own network only',
  });
  const common = {
    address,
    url: url.optional(),
    metadata_url: url.optional(),
    verify_interval: durationUs
      .refine((us) => us >= VERIFY_INTERVAL_MIN_US && us <= VERIFY_INTERVAL_MAX_US, 'must be 5s to 1h')
      .prefault('30s'),
  };
  const server = z
    .string()
    .regex(/^[1-9]\d{0,18}$/, 'must be the number of the server, in quotes')
    .optional();
  const ipv4 = address.refine(isIpv4, IPV4_ONLY);
  const aws = {
    ...common,
    provider: z.literal('aws'),
    credentials_file: path.optional(),
    region: z
      .string()
      .regex(/^[a-z]{2}(-[a-z]+)+-\d{1,2}$/, 'must be a region such as "eu-central-1"')
      .optional(),
    network_interface: identifier('eni').optional(),
  };
  return z.discriminatedUnion('provider', [
    z.strictObject({ ...common, provider: z.literal('digitalocean'), token_file: path, server }),
    z.strictObject({ ...common, provider: z.literal('hetzner'), token_file: path, server }),
    z.discriminatedUnion('kind', [
      z.strictObject({ ...aws, kind: z.literal('elastic_ip'), address: ipv4, private_address: ipv4.optional() }),
      z.strictObject({ ...aws, kind: z.literal('eni'), address: ipv4 }),
      z.strictObject({
        ...aws,
        kind: z.literal('route'),
        route_tables: z.array(identifier('rtb')).min(1, 'name a route table').max(20),
        destination: prefix.optional(),
      }),
    ]),
  ]);
}

type Table = z.infer<ReturnType<typeof floatingIpTable>>;

/** Every key that a [[group.floating_ip]] of any provider can have. */
export const FLOATING_IP_KEYS = [
  'provider',
  'address',
  'url',
  'metadata_url',
  'verify_interval',
  'token_file',
  'server',
  'credentials_file',
  'region',
  'network_interface',
  'kind',
  'private_address',
  'route_tables',
  'destination',
] as const;

/** Two keepers of one address would take it from each other. */
export function refuseSharedAddresses(
  groups: readonly { readonly floating_ip: readonly Table[] }[],
  context: z.core.$RefinementCtx,
): void {
  const seen = new Set<string>();
  for (const [group, { floating_ip: entries }] of groups.entries()) {
    for (const [index, { address }] of entries.entries()) {
      const path = [group, 'floating_ip', index, 'address'];
      if (seen.has(address)) context.addIssue({ code: 'custom', message: 'is another floating IP already', path });
      if (!isHostAddress(address, isIpv4(address) ? 'ipv4' : 'ipv6')) {
        context.addIssue({ code: 'custom', message: 'is not an address that a host can have', path });
      }
      seen.add(address);
    }
  }
}

export function buildFloatingIp(table: Table): FloatingIpConfig {
  const { address, url, metadata_url: metadataUrl = METADATA_URL, verify_interval: verifyIntervalUs } = table;
  const base = { address, url: url ?? null, metadataUrl, verifyIntervalMs: verifyIntervalUs / 1_000 };
  switch (table.provider) {
    case 'digitalocean':
    case 'hetzner':
      return { ...base, provider: table.provider, tokenFile: table.token_file, server: table.server ?? null };
    case 'aws': {
      const aws = {
        ...base,
        provider: table.provider,
        credentialsFile: table.credentials_file ?? null,
        region: table.region ?? null,
        networkInterface: table.network_interface ?? null,
      };
      return { ...aws, ...buildAwsKind(table) };
    }
  }
}

function buildAwsKind(table: Extract<Table, { provider: 'aws' }>): AwsFloatingIpKind {
  switch (table.kind) {
    case 'elastic_ip':
      return { kind: 'elastic_ip', privateAddress: table.private_address ?? null };
    case 'eni':
      return { kind: 'eni' };
    case 'route': {
      const to = table.destination ?? { address: table.address, prefixLength: isIpv4(table.address) ? 32 : 128 };
      return { kind: 'route', routeTables: table.route_tables, destination: `${to.address}/${to.prefixLength}` };
    }
  }
}

const IPV4_ONLY = 'must be an IPv4 address: AWS moves an IPv6 address by kind = "route" only';

function isIpv4(address: string): boolean {
  return isIP(address) === 4;
}

function identifier(prefix: string) {
  return z
    .string()
    .regex(new RegExp(`^${prefix}-[0-9a-f]{8,17}$`), `must be an ID such as "${prefix}-0123456789abcdef0"`);
}

/** A token in clear may cross this host, its link and its own network: what is named by its address there. */
function isConfidential(text: string): boolean {
  const { protocol, hostname } = new URL(text);
  if (protocol === 'https:') return true;
  const host = hostname.replace(/^\[|\]$/g, '');
  const version = isIP(host);
  return version !== 0 && OWN_NETWORK.check(host, version === 4 ? 'ipv4' : 'ipv6');
}

const OWN_NETWORK = new BlockList();
OWN_NETWORK.addSubnet('127.0.0.0', 8, 'ipv4');
OWN_NETWORK.addSubnet('10.0.0.0', 8, 'ipv4');
OWN_NETWORK.addSubnet('172.16.0.0', 12, 'ipv4');
OWN_NETWORK.addSubnet('192.168.0.0', 16, 'ipv4');
OWN_NETWORK.addSubnet('169.254.0.0', 16, 'ipv4');
OWN_NETWORK.addAddress('::1', 'ipv6');
OWN_NETWORK.addSubnet('fe80::', 10, 'ipv6');
OWN_NETWORK.addSubnet('fc00::', 7, 'ipv6');
