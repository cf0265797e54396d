import { parseAddress, parsePrefix } from '../config/index.ts';
import { refused } from './finding.ts';
import { quoted, type Report } from './settings.ts';
import { partOf, type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';

const INSTEAD = "put it into the host's network configuration, or take it out";
const DEFAULT_ROUTES = new Set(['default', '0.0.0.0/0', '::/0']);
/** keepalived's words that are followed by a value, and what they are called here. */
const KEYS: ReadonlyMap<string, 'via' | 'interface' | 'source' | 'metric' | 'table'> = new Map([
  ['via', 'via'],
  ['gw', 'via'],
  ['dev', 'interface'],
  ['oif', 'interface'],
  ['src', 'source'],
  ['metric', 'metric'],
  ['priority', 'metric'],
  ['preference', 'metric'],
  ['table', 'table'],
]);

/** `virtual_routes { }`: unicast routes. What else a route can have is refused. */
export function routes(blocks: readonly Statement[], report: Report): TomlLine[] {
  const [first] = blocks;
  const entries = blocks.flatMap(({ block }) => block ?? []);
  const lines = entries.flatMap((entry) => routeLine(entry, report) ?? []);
  if (first === undefined || lines.length === 0) return [];
  return partOf(first, 'virtual_routes', [{ text: 'routes = [' }, ...lines, { text: ']' }]);
}

/** `[inet|inet6] [to] PREFIX`, with its options in any order. */
function routeLine(entry: Statement, report: Report): TomlLine | undefined {
  const words = entry.words.filter((word) => !['inet', 'inet6', 'to', 'no_track'].includes(word));
  const refuse = (what: string): undefined => {
    report(refused(entry, `${quoted(entry)}: ${what}`, INSTEAD));
    return undefined;
  };
  const given = new Map<string, string>();
  let to: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    const key = KEYS.get(word);
    if (key !== undefined) given.set(key, words[++at] ?? '');
    else if (to === undefined && (DEFAULT_ROUTES.has(word) || asPrefix(word) !== undefined)) to = word;
    else return refuse(`'${word}' has no equivalent`);
  }
  if (to === undefined) return refuse('says not where it leads');
  const isIpv6 = [to, given.get('via'), given.get('source')].some((text) => text?.includes(':'));
  const target = DEFAULT_ROUTES.has(to) ? (isIpv6 ? '::/0' : '0.0.0.0/0') : (asPrefix(to) ?? to);
  const fields = [`to = ${tomlString(target)}`];
  for (const [key, value] of given) {
    const isNumber = key === 'metric' || key === 'table';
    if (isNumber && !/^[1-9]\d{0,9}$/.test(value)) return refuse(`'${key} ${value}' is no number`);
    fields.push(`${key} = ${isNumber ? value : tomlString(value)}`);
  }
  return { text: `  { ${fields.join(', ')} },`, from: entry };
}

/** With the length that an address without one has. */
function asPrefix(text: string): string | undefined {
  const host = parseAddress(text);
  const prefix = parsePrefix(host === undefined ? text : `${text}/${host.family === 'ipv4' ? 32 : 128}`);
  return prefix === undefined ? undefined : `${prefix.address}/${prefix.prefixLength}`;
}
