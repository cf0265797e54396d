import { ADDRESS_SCOPES, isLinkLocal, parseAddress, parsePrefix } from '../config/index.ts';
import { leftOut, refused } from './finding.ts';
import { quoted, type Report } from './settings.ts';
import { type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';

export type Family = 'ipv4' | 'ipv6';
type VirtualAddress = {
  readonly address: string;
  readonly family: Family;
  readonly advertised: boolean;
  readonly interface: string | undefined;
  readonly line: TomlLine;
};

/** Options of an address that are followed by a value. */
const WITH_VALUE = new Set(['dev', 'label', 'scope', 'brd', 'broadcast', 'peer', 'preferred_lft']);

/** The addresses of a virtual router: those of `virtual_ipaddress`, then those that are not advertised. */
export function translateAddresses(
  advertised: readonly Statement[],
  excluded: readonly Statement[],
  device: string,
  report: Report,
): { readonly lines: readonly TomlLine[]; readonly family: Family } | undefined {
  const seen = new Map<string, Statement>();
  const taken: VirtualAddress[] = [];
  let family: Family | undefined;
  for (const statement of [...advertised, ...excluded]) {
    const isAdvertised = advertised.includes(statement);
    const address = translateAddress(statement, isAdvertised, device, report);
    if (address === undefined) continue;
    family ??= address.family;
    const key = `${address.address}%${address.interface ?? ''}`;
    const earlier = seen.get(key);
    if (earlier !== undefined) {
      report(leftOut(statement, `${quoted(statement)}: the address stands in line ${earlier.line} already`));
    } else if (address.family !== family) {
      const what = `${quoted(statement)}: IPv4 and IPv6 need a virtual router each`;
      report(refused(statement, what, 'give it a vrrp_instance of its own'));
    } else {
      seen.set(key, statement);
      taken.push(address);
    }
  }
  return family === undefined ? undefined : { lines: linkLocalFirst(taken), family };
}

/** Where keepalived has it later, for IPv6: receivers look which one it is (RFC 9568 section 5.2.9). */
function linkLocalFirst(addresses: readonly VirtualAddress[]): TomlLine[] {
  const at = addresses.findIndex((each) => each.advertised && isLinkLocal(each.address, 'ipv6'));
  const found = addresses[at];
  const before = addresses.slice(0, Math.max(at, 0)).filter(({ advertised }) => advertised);
  if (found?.family !== 'ipv6' || before.length === 0) return addresses.map(({ line }) => line);
  const others = addresses.filter((each) => each !== found).map(({ line }) => line);
  return [{ ...found.line, note: 'first, as RFC 9568 wants the link-local one' }, ...others];
}

function translateAddress(
  statement: Statement,
  isAdvertised: boolean,
  device: string,
  report: Report,
): VirtualAddress | undefined {
  const [text = '', ...options] = statement.words;
  const host = parseAddress(text);
  const prefix = parsePrefix(host === undefined ? text : `${text}/${host.family === 'ipv4' ? 32 : 128}`);
  if (prefix === undefined || statement.block !== undefined) {
    report(refused(statement, `${quoted(statement)}: not an address with a prefix length`, 'correct it'));
    return undefined;
  }
  const { family, address, prefixLength } = prefix;
  const taken = takeOptions(statement, options, family, device, report);
  const value = tomlString(`${address}/${prefixLength}`);
  const fields = [
    `address = ${value}`,
    ...(taken.interface === undefined ? [] : [`interface = ${tomlString(taken.interface)}`]),
    ...(taken.label === undefined ? [] : [`label = ${tomlString(taken.label)}`]),
    ...(taken.scope === undefined ? [] : [`scope = ${tomlString(taken.scope)}`]),
    ...(isAdvertised ? [] : ['advertised = false']),
  ];
  const entry = fields.length === 1 ? value : `{ ${fields.join(', ')} }`;
  return {
    address,
    family,
    advertised: isAdvertised,
    interface: taken.interface,
    line: { text: `  ${entry},`, from: statement },
  };
}

function takeOptions(
  statement: Statement,
  options: readonly string[],
  family: Family,
  device: string,
  report: Report,
): { interface: string | undefined; label: string | undefined; scope: string | undefined } {
  const given = new Map<string, string>();
  for (let at = 0; at < options.length; at++) {
    const option = options[at] ?? '';
    given.set(option, WITH_VALUE.has(option) ? (options[++at] ?? '') : '');
  }
  const dev = given.get('dev');
  const label = given.get('label');
  const on = dev ?? device;
  const labelFits = label === undefined || (family === 'ipv4' && (label === on || label.startsWith(`${on}:`)));
  for (const [option, value] of given) {
    const said = `'${[option, value].join(' ').trim()}' of ${statement.words[0]}`;
    if (option === 'dev' || (option === 'label' && labelFits) || (option === 'scope' && isScope(value))) continue;
    if (option === 'label') {
      report(leftOut(statement, `${said}: a label is for IPv4, and starts with the interface, as in "${on}:vip"`));
    } else if (option === 'brd' || option === 'broadcast' || option === 'no_track') {
      const why = option === 'no_track' ? 'an address that somebody deletes is put back' : 'the kernel does without';
      report(leftOut(statement, `${said}: ${why}`));
    } else {
      report(refused(statement, `${said} has no equivalent`, 'take it out of the configuration first'));
    }
  }
  const scope = given.get('scope');
  return {
    interface: dev === device ? undefined : dev,
    label: labelFits ? label : undefined,
    scope: family === 'ipv6' || scope === undefined || !isScope(scope) || scope === 'global' ? undefined : scope,
  };
}

/** For IPv6 the kernel settles the scope, whatever is asked for. */
function isScope(word: string): boolean {
  return ADDRESS_SCOPES.some((scope) => scope === word);
}
