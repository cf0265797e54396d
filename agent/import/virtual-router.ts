import { type Family, translateAddresses } from './addresses.ts';
import { leftOut, type Place, refused } from './finding.ts';
import { IN_INSTANCE, untranslated } from './no-equivalent.ts';
import {
  BLOCK,
  quoted,
  type Report,
  refuseOtherShape,
  refuseOtherShapes,
  type Settings,
  type Shape,
  seconds,
  settingsOf,
  VALUE,
  WORD,
  wholeNumber,
} from './settings.ts';
import { type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';

/** A vrrp_instance: its table, and what is a matter of the group here. */
export type RouterDraft = {
  readonly place: Place;
  readonly name: string;
  readonly preempt: TomlLine;
  readonly preemptDelay: TomlLine | undefined;
  readonly lines: readonly TomlLine[];
};

/** What `global_defs` says for every instance. */
export type Defaults = { readonly version: Statement | undefined; readonly interface: Statement | undefined };

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
]);
const DEFAULT = "keepalived's default";

/** Undefined where something is missing without which there is no virtual router; the report then says what. */
export function translateInstance(instance: Statement, defaults: Defaults, report: Report): RouterDraft | undefined {
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
  if (addresses === undefined) {
    report(refused(instance, `${quoted(instance)} has no virtual_ipaddress`, 'a virtual router needs at least one'));
  }
  const needed = [
    interfaceLine(device),
    identifierLine(required(settings.one('virtual_router_id'), 'virtual_router_id', instance, report), report),
    versionLine(settings.one('version') ?? defaults.version, addresses?.family, report),
    priorityLine(settings, report),
    intervalLine(settings, report),
  ];
  const present = needed.filter((line) => line !== undefined);
  if (addresses === undefined || present.length < needed.length) {
    report(refused(instance, `${quoted(instance)} cannot be taken over as it is`));
    return undefined;
  }
  return {
    place: instance,
    name,
    ...preemption(settings, report),
    lines: [
      { text: '[[group.virtual_router]]', from: instance, note: `vrrp_instance ${name}` },
      ...present,
      { text: 'addresses = [' },
      ...addresses.lines,
      { text: ']' },
      ...sourceAddress(settings, report),
      ...unicastPeers(settings, report),
      ...virtualMac(settings, report),
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

function priorityLine(settings: Settings, report: Report): TomlLine | undefined {
  const statement = settings.one('priority');
  if (statement === undefined) return { text: 'priority = 100', note: DEFAULT };
  const value = wholeNumber(statement, 1, 255, report);
  return value === undefined ? undefined : { text: `priority = ${value}`, from: statement };
}

/** IPv6 is always version 3, whatever is set. */
function versionLine(
  statement: Statement | undefined,
  family: Family | undefined,
  report: Report,
): TomlLine | undefined {
  if (family === 'ipv6') return { text: 'version = 3', note: 'the only one for IPv6' };
  if (statement === undefined) return { text: 'version = 2', note: DEFAULT };
  const value = wholeNumber(statement, 2, 3, report);
  return value === undefined ? undefined : { text: `version = ${value}`, from: statement };
}

function intervalLine(settings: Settings, report: Report): TomlLine | undefined {
  const statement = settings.one('advert_int');
  if (statement === undefined) return { text: 'advertisement_interval = "1s"', note: DEFAULT };
  const duration = seconds(statement, report);
  if (duration === undefined) return undefined;
  return { text: `advertisement_interval = ${tomlString(duration)}`, from: statement };
}

/** keepalived preempts by default, and whatever is set if it is to start as Master. */
function preemption(settings: Settings, report: Report): Pick<RouterDraft, 'preempt' | 'preemptDelay'> {
  const state = settings.one('state');
  const startsAsMaster = state?.words[1] === 'MASTER';
  if (state !== undefined && startsAsMaster) {
    report(leftOut(state, "'state MASTER': a router starts as Backup; the priority decides"));
  } else if (state !== undefined && state.words[1] !== 'BACKUP') {
    report(refused(state, `${quoted(state)}: neither MASTER nor BACKUP`, 'correct it'));
  }
  const nopreempt = settings.one('nopreempt');
  const delay = settings.one('preempt_delay');
  for (const statement of [nopreempt, delay]) {
    if (startsAsMaster && statement !== undefined) {
      report(leftOut(statement, `${quoted(statement)}: keepalived ignores it with 'state MASTER'`));
    }
  }
  if (nopreempt !== undefined && !startsAsMaster) {
    if (delay !== undefined) report(leftOut(delay, `${quoted(delay)}: has no effect with nopreempt`));
    return { preempt: { text: 'preempt = false', from: nopreempt }, preemptDelay: undefined };
  }
  const duration = delay === undefined || startsAsMaster ? undefined : seconds(delay, report);
  const preemptDelay =
    delay === undefined || duration === undefined
      ? undefined
      : { text: `preempt_delay = ${tomlString(duration)}`, from: delay };
  return { preempt: { text: 'preempt = true', note: DEFAULT }, preemptDelay };
}

/** Both keywords set the same thing: the later one counts. */
function sourceAddress(settings: Settings, report: Report): TomlLine[] {
  const given = [settings.one('mcast_src_ip'), settings.one('unicast_src_ip')].filter((each) => each !== undefined);
  const [first, ...others] = given.toSorted((left, right) => right.line - left.line);
  if (first === undefined) return [];
  for (const other of others) report(leftOut(other, `${quoted(other)}: line ${first.line} sets it anew`));
  return [{ text: `source_address = ${tomlString(first.words[1] ?? '')}`, from: first }];
}

function unicastPeers(settings: Settings, report: Report): TomlLine[] {
  const peers = settings.entries('unicast_peer');
  if (peers.length === 0) return [];
  for (const peer of peers) refuseOtherShape(peer, WORD, report);
  const lines = peers.map((peer) => ({ text: `  ${tomlString(peer.words[0] ?? '')},`, from: peer }));
  return [{ text: 'unicast = [' }, ...lines, { text: ']' }];
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
