import { type Family, translateAddresses } from './addresses.ts';
import { ANNOUNCE_KEYWORDS, type AnnounceDefaults, announcement } from './announce.ts';
import { authentication } from './authentication.ts';
import type { CheckDraft } from './check.ts';
import { leftOut, type Place, refused } from './finding.ts';
import { IN_INSTANCE, untranslated } from './no-equivalent.ts';
import { NOTIFY_KEYWORDS, NOTIFY_SHAPE, type NotifyDraft, translateNotify } from './notify.ts';
import type { Programs } from './programs.ts';
import { routes } from './routes.ts';
import {
  BLOCK,
  quoted,
  type Report,
  refuseOtherShape,
  refuseOtherShapes,
  type Settings,
  type Shape,
  settingsOf,
  VALUE,
  WORD,
  wholeNumber,
} from './settings.ts';
import { DEFAULT, intervalLine, type Preemption, preemption, versionOf } from './timing.ts';
import { partOf, type TomlLine, tomlString } from './toml.ts';
import type { Tracking } from './tracking.ts';
import type { Statement } from './tree.ts';

/** A vrrp_instance: its table, and what is a matter of the group here. */
export type RouterDraft = {
  readonly place: Place;
  readonly name: string;
  readonly interface: string;
  readonly priority: number;
  readonly preemption: Preemption;
  /** What it tracks, and whom it notifies: a matter of the group. */
  readonly checks: readonly CheckDraft[];
  readonly notify: readonly NotifyDraft[];
  readonly lines: readonly TomlLine[];
};

/** What `global_defs` says for every instance. */
export type Defaults = {
  readonly version: Statement | undefined;
  readonly interface: Statement | undefined;
  readonly announce: AnnounceDefaults;
};

/** What the translation of an instance needs beside it. */
export type Surroundings = {
  readonly defaults: Defaults;
  readonly tracking: Tracking;
  readonly programs: Programs;
  readonly report: Report;
};

const TRANSLATED: ReadonlyMap<string, Shape> = new Map([
  ['state', VALUE],
  ['interface', VALUE],
  ['virtual_router_id', VALUE],
  ['priority', VALUE],
  ['advert_int', VALUE],
  ['version', VALUE],
  ['nopreempt', WORD],
  ['preempt_delay', VALUE],
  ['virtual_ipaddress', BLOCK],
  ['virtual_ipaddress_excluded', BLOCK],
  ['mcast_src_ip', VALUE],
  ['unicast_src_ip', VALUE],
  ['unicast_peer', BLOCK],
  ['use_vmac', { words: 3, block: false }],
  ['authentication', BLOCK],
  ['no_accept', WORD],
  ['accept', WORD],
  ['virtual_routes', BLOCK],
  ['track_script', BLOCK],
  ['track_process', BLOCK],
  ['track_interface', BLOCK],
  ...ANNOUNCE_KEYWORDS,
  ...NOTIFY_KEYWORDS.map((keyword): [string, Shape] => [keyword, NOTIFY_SHAPE]),
]);

/** Undefined where something is missing without which there is no virtual router; the report then says what. */
export function translateInstance(instance: Statement, around: Surroundings): RouterDraft | undefined {
  const { defaults, tracking, programs, report } = around;
  const statements = instance.block ?? [];
  const name = instance.words[1] ?? '';
  for (const finding of untranslated(statements, TRANSLATED, IN_INSTANCE)) report(finding);
  refuseOtherShapes(statements, TRANSLATED, report);
  const settings = settingsOf(statements, report);
  const device = required(settings.one('interface') ?? defaults.interface, 'interface', instance, report);
  const addresses = translateAddresses(
    settings.entries('virtual_ipaddress'),
    settings.entries('virtual_ipaddress_excluded'),
    device?.words[1] ?? '',
    report,
  );
  const identifier = required(settings.one('virtual_router_id'), 'virtual_router_id', instance, report);
  const version = versionOf(settings.one('version') ?? defaults.version, addresses?.family, report);
  const hasAddresses = addresses !== undefined || version?.number === 2;
  if (!hasAddresses) {
    const what = `${quoted(instance)} has no virtual_ipaddress`;
    report(refused(instance, what, 'add one on every node first, or use version 2, which may have none'));
  }
  const priority = priorityOf(settings, report);
  const home = { interface: device?.words[1] ?? '', family: addresses?.family ?? 'ipv4' } as const;
  const needed = [
    interfaceLine(device),
    identifierLine(identifier, report),
    version?.line,
    priority?.line,
    version === undefined ? undefined : intervalLine(settings, version.number, report),
  ];
  const present = needed.filter((line) => line !== undefined);
  if (!hasAddresses || priority === undefined || present.length < needed.length) {
    report(refused(instance, `${quoted(instance)} cannot be taken over as it is`));
    return undefined;
  }
  return {
    place: instance,
    name,
    interface: home.interface,
    priority: priority.value,
    preemption: preemption(settings, priority.value, report),
    checks: tracking.checksOf(instance),
    notify: translateNotify(settings, programs, report),
    lines: [
      { text: '[[group.virtual_router]]', from: instance, note: `vrrp_instance ${name}` },
      ...present,
      ...(addresses === undefined
        ? [{ text: 'addresses = []', from: instance, note: 'something else moves, by notify' }]
        : [{ text: 'addresses = [' }, ...addresses.lines, { text: ']' }]),
      ...sourceAddress(settings, report),
      ...unicastPeers(settings, home.family, report),
      ...virtualMac(settings, report),
      ...acceptance(statements, priority.value),
      ...authentication(settings, version?.number, report),
      ...routes(settings.all('virtual_routes'), report),
      ...announcement(settings, defaults.announce, home, report),
    ],
  };
}

function required(
  statement: Statement | undefined,
  keyword: string,
  instance: Statement,
  report: Report,
): Statement | undefined {
  if (statement?.words[1] !== undefined) return statement;
  report(refused(instance, `${quoted(instance)} has no ${keyword}`, 'add it'));
  return undefined;
}

function interfaceLine(statement: Statement | undefined): TomlLine | undefined {
  if (statement === undefined) return undefined;
  return { text: `interface = ${tomlString(statement.words[1] ?? '')}`, from: statement };
}

function identifierLine(statement: Statement | undefined, report: Report): TomlLine | undefined {
  const value = statement === undefined ? undefined : wholeNumber(statement, 1, 255, report);
  if (statement === undefined || value === undefined) return undefined;
  return { text: `virtual_router_id = ${value}`, from: statement };
}

function priorityOf(settings: Settings, report: Report): { value: number; line: TomlLine } | undefined {
  const statement = settings.one('priority');
  if (statement === undefined) return { value: 100, line: { text: 'priority = 100', note: DEFAULT } };
  const value = wholeNumber(statement, 1, 255, report);
  return value === undefined ? undefined : { value, line: { text: `priority = ${value}`, from: statement } };
}

/** The later one of `accept` and `no_accept` counts; the host of the addresses itself accepts in any case. */
function acceptance(statements: readonly Statement[], priority: number): TomlLine[] {
  const last = statements.findLast(({ words }) => words[0] === 'accept' || words[0] === 'no_accept');
  if (last?.words[0] !== 'no_accept' || priority === 255) return [];
  return partOf(last, 'no_accept', [{ text: 'accept = false', from: last }]);
}

/** Both keywords set the same thing: the later one counts. */
function sourceAddress(settings: Settings, report: Report): TomlLine[] {
  const given = [settings.one('mcast_src_ip'), settings.one('unicast_src_ip')].filter((each) => each !== undefined);
  const [first, ...others] = given.toSorted((left, right) => right.line - left.line);
  if (first === undefined) return [];
  for (const other of others) report(leftOut(other, `${quoted(other)}: line ${first.line} sets it anew`));
  return [{ text: `source_address = ${tomlString(first.words[1] ?? '')}`, from: first }];
}

function unicastPeers(settings: Settings, family: Family, report: Report): TomlLine[] {
  const [block] = settings.all('unicast_peer');
  const peers = settings.entries('unicast_peer');
  const hasUnicastTtl = settings.all('unicast_ttl').length > 0;
  if (block === undefined || peers.length === 0) return [];
  for (const peer of peers) refuseOtherShape(peer, UNICAST_PEER, report);
  const lines = peers.map((peer) => ({ text: `  ${tomlString(peer.words[0] ?? '')},`, from: peer }));
  return [{ text: 'unicast = [' }, ...lines, { text: ']' }, ...minTtl(block, peers, family, hasUnicastTtl, report)];
}

/** IP [min_ttl N] [max_ttl N] */
const UNICAST_PEER: Shape = { words: 5, block: false };

/** keepalived looks at no TTL of unicast unless told to, and sends IPv6 with its kernel's hop limit. */
const IPV6_HOP_LIMIT = 64;

function minTtl(
  block: Statement,
  peers: readonly Statement[],
  family: Family,
  hasUnicastTtl: boolean,
  report: Report,
): TomlLine[] {
  const limits = peers.flatMap((peer) => {
    const { min_ttl: min, max_ttl: max } = Object.fromEntries(pairsOf(peer.words.slice(1)));
    if (max !== undefined && max !== '255')
      report(leftOut(peer, `'max_ttl ${max}': a TTL may be as high as it can be`));
    if (min === undefined) return [];
    const value = wholeNumber({ ...peer, words: ['min_ttl', min] }, 1, 255, report);
    return value === undefined ? [] : [{ peer, value }];
  });
  const [lowest] = limits.toSorted((left, right) => left.value - right.value);
  if (lowest !== undefined) return [{ text: `min_ttl = ${lowest.value}`, from: lowest.peer }];
  if (family === 'ipv4' || hasUnicastTtl) return [];
  return [{ text: `min_ttl = ${IPV6_HOP_LIMIT}`, from: block, note: 'which keepalived sends IPv6 unicast with' }];
}

function pairsOf(words: readonly string[]): [string, string][] {
  return words.flatMap((word, index): [string, string][] => (index % 2 === 0 ? [[word, words[index + 1] ?? '']] : []));
}

function virtualMac(settings: Settings, report: Report): TomlLine[] {
  const statement = settings.one('use_vmac');
  if (statement === undefined) return [];
  const [name, ...more] = statement.words.slice(1);
  if (name?.includes(':') === true || more.length > 0) {
    const what = `${quoted(statement)}: the virtual MAC is the one of RFC 9568`;
    report(refused(statement, what, 'take the MAC address out of the configuration of every node first'));
  }
  if (name !== undefined && !name.includes(':')) {
    report(leftOut(statement, `the interface name ${name}: the interface of the virtual MAC is named by itself`));
  }
  return [{ text: 'virtual_mac = true', from: statement }];
}
