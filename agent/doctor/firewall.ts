import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { z } from 'zod';
import type { Config } from '../config/index.ts';
import { type Finding, ok, warning } from './finding.ts';

const TIMEOUT_MS = 3_000;
const OUTPUT_MAX = 16 << 20;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const VRRP = 112;

/** Of `nft -j list …` what matters here; a rule's expressions are looked at as they come. */
const Chain = z.object({
  family: z.string(),
  table: z.string(),
  name: z.string(),
  hook: z.string().optional(),
  policy: z.string().optional(),
});
const Rule = z.object({ family: z.string(), table: z.string(), chain: z.string(), expr: z.array(z.unknown()) });
const Listing = z.object({
  nftables: z.array(z.object({ chain: Chain.optional(), rule: Rule.optional() })),
});

export type FirewallChain = z.infer<typeof Chain>;
export type FirewallRule = z.infer<typeof Rule>;
/** One table that has a chain at the input hook. */
export type FirewallTable = {
  readonly family: string;
  readonly name: string;
  readonly chains: readonly FirewallChain[];
  readonly rules: readonly FirewallRule[];
};

/**
 * Every other program's table that sees what comes in for this host. Never the fence's own: its rules hold the lease packets'
 * secret. Throws what nft says.
 */
export async function readFirewall(): Promise<readonly FirewallTable[]> {
  const chains = parse(await nft(['-j', 'list', 'chains'])).flatMap(({ chain }) => chain ?? []);
  const filtering = chains.filter(
    ({ hook, family, table }) => hook === 'input' && ['ip', 'ip6', 'inet'].includes(family) && table !== 'tiebreak',
  );
  const tables = new Map(filtering.map(({ family, table }) => [`${family} ${table}`, { family, name: table }]));
  const read = [...tables.values()].map(async ({ family, name }) => {
    const listed = parse(await nft(['-j', '-t', 'list', 'table', family, name]));
    return {
      ...{ family, name },
      chains: listed.flatMap(({ chain }) => chain ?? []),
      rules: listed.flatMap(({ rule }) => rule ?? []),
    };
  });
  return Promise.all(read);
}

async function nft(args: readonly string[]): Promise<string> {
  const options = { timeout: TIMEOUT_MS, maxBuffer: OUTPUT_MAX, env: { PATH } };
  try {
    return (await promisify(execFile)('nft', args, options)).stdout;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT')
      throw new Error('there is no program nft');
    throw new Error(`'nft ${args.join(' ')}' failed`);
  }
}

function parse(text: string): z.infer<typeof Listing>['nftables'] {
  return Listing.parse(JSON.parse(text)).nftables;
}

/** A hint, no more: what rules do is not followed, only whether one of them names what the agents need. */
export function judgeFirewall(tables: readonly FirewallTable[], config: Config): readonly Finding[] {
  const topic = 'firewall';
  const wanted = [
    ...portsOf(config).map((port) => ({
      text: `UDP port ${port} (the sideband)`,
      named: (expr: string) => namesPort(expr, port),
    })),
    { text: 'IP protocol 112 (VRRP)', named: namesVrrp },
  ];
  const findings = wanted.flatMap(({ text, named }) =>
    tables.flatMap(({ family, name, chains, rules }) => {
      const own = rules.filter((rule) => named(JSON.stringify(rule.expr)));
      const where = `table ${family} ${name}`;
      const remedy = `let ${text} of the peers pass: see 'nft list table ${family} ${name}'`;
      if (own.some((rule) => verdictsOf(rule).some((verdict) => verdict === 'drop' || verdict === 'reject'))) {
        return [warning(topic, `${where} has a rule that drops ${text}`, remedy)];
      }
      const closed = chains.some(
        (chain) => chain.hook === 'input' && (chain.policy === 'drop' || endsClosed(chain, rules)),
      );
      if (!closed || own.length > 0) return [];
      return [warning(topic, `${where} drops what it does not name, and names no ${text}`, remedy)];
    }),
  );
  if (findings.length > 0) return findings;
  return [
    ok(
      topic,
      tables.length === 0
        ? 'no other table filters what comes in'
        : 'no rule is seen to drop what the nodes say to each other',
    ),
  ];
}

function portsOf({ groups }: Config): number[] {
  return [...new Set(groups.flatMap((group) => (group.mode === 'lease' ? [group.sidebandPort] : [])))];
}

/** The last rule of a chain drops whatever has come so far. */
function endsClosed({ name }: FirewallChain, rules: readonly FirewallRule[]): boolean {
  const last = rules.filter(({ chain }) => chain === name).at(-1);
  if (last === undefined || JSON.stringify(last.expr).includes('"match"')) return false;
  return verdictsOf(last).some((verdict) => verdict === 'drop' || verdict === 'reject');
}

function verdictsOf({ expr }: FirewallRule): string[] {
  return expr.flatMap((statement) =>
    typeof statement === 'object' && statement !== null ? Object.keys(statement) : [],
  );
}

function namesPort(expr: string, port: number): boolean {
  return new RegExp(`\\b${port}\\b`).test(expr) && /"(dport|udp|th)"/.test(expr);
}

function namesVrrp(expr: string): boolean {
  return /"vrrp"/.test(expr) || (new RegExp(`\\b${VRRP}\\b`).test(expr) && /"(protocol|l4proto|nexthdr)"/.test(expr));
}
