import { parseAddress, parsePrefix } from '../config/index.ts';
import { leftOut, refused } from './finding.ts';
import { quoted, type Report } from './settings.ts';
import { partOf, type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';

const INSTEAD = "put it into the host's network configuration, or take it out";
const DEFAULT_ROUTES = new Set(['default', '0.0.0.0/0', '::/0']);

/** `virtual_routes { }`: those by a gateway, which is what `routes` can say. */
export function routes(blocks: readonly Statement[], device: string, report: Report): TomlLine[] {
  const [first] = blocks;
  const entries = blocks.flatMap(({ block }) => block ?? []);
  const lines = entries.flatMap((entry) => routeLine(entry, device, report) ?? []);
  if (first === undefined || lines.length === 0) return [];
  return partOf(first, 'virtual_routes', [{ text: 'routes = [' }, ...lines, { text: ']' }]);
}

/** `[inet|inet6] [to] PREFIX via|gw [inet|inet6] ADDRESS [dev DEVICE]`, in any order after the prefix. */
function routeLine(entry: Statement, device: string, report: Report): TomlLine | undefined {
  const words = entry.words.filter((word) => !['inet', 'inet6', 'to', 'no_track'].includes(word));
  const refuse = (what: string): undefined => {
    report(refused(entry, `${quoted(entry)}: ${what}`, INSTEAD));
    return undefined;
  };
  const given = new Map<string, string>();
  let to: string | undefined;
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (['via', 'gw', 'dev', 'oif'].includes(word)) given.set(word, words[++at] ?? '');
    else if (to === undefined && (DEFAULT_ROUTES.has(word) || asPrefix(word) !== undefined)) to = word;
    else return refuse(`'${word}' has no equivalent`);
  }
  const via = parseAddress(given.get('via') ?? given.get('gw') ?? '');
  if (via === undefined) return refuse('only a route by a gateway, as in "via 192.0.2.254", can move with the group');
  if (to === undefined) return refuse('says not where it leads');
  const target = asPrefix(to);
  if (target === undefined) return refuse('a default route does not move with the group');
  const dev = given.get('dev') ?? given.get('oif');
  if (dev !== undefined && dev !== device) return refuse(`a route takes the interface of its gateway, not '${dev}'`);
  if (dev !== undefined) report(leftOut(entry, `'dev ${dev}' of ${to}: the route takes the interface of its gateway`));
  return { text: `  { to = ${tomlString(target)}, via = ${tomlString(via.address)} },`, from: entry };
}

/** With the length that an address without one has. */
function asPrefix(text: string): string | undefined {
  const host = parseAddress(text);
  const prefix = parsePrefix(host === undefined ? text : `${text}/${host.family === 'ipv4' ? 32 : 128}`);
  return prefix === undefined ? undefined : `${prefix.address}/${prefix.prefixLength}`;
}
