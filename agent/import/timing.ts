import { leftOut, refused } from './finding.ts';
import { quoted, type Report, type Settings, seconds, wholeNumber } from './settings.ts';
import { type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';

export const DEFAULT = "keepalived's default";

export type Version = { readonly number: 2 | 3; readonly line: TomlLine };

/** IPv6 is always version 3, whatever is set. Undefined after it was refused. */
export function versionOf(
  statement: Statement | undefined,
  family: 'ipv4' | 'ipv6' | undefined,
  report: Report,
): Version | undefined {
  if (family === 'ipv6') return { number: 3, line: { text: 'version = 3', note: 'the only one for IPv6' } };
  if (statement === undefined) return { number: 2, line: { text: 'version = 2', note: DEFAULT } };
  const value = wholeNumber(statement, 2, 3, report);
  if (value === undefined) return undefined;
  return { number: value === 2 ? 2 : 3, line: { text: `version = ${value}`, from: statement } };
}

const STEP_US = { 2: 1_000_000, 3: 10_000 } as const;

/** `advert_int`, rounded to what the version can say, as keepalived does. Undefined after it was refused. */
export function intervalLine(settings: Settings, version: 2 | 3, report: Report): TomlLine | undefined {
  const statement = settings.one('advert_int');
  if (statement === undefined) return { text: 'advertisement_interval = "1s"', note: DEFAULT };
  const duration = seconds(statement, report);
  if (duration === undefined) return undefined;
  const us = Math.round(Number(duration.slice(0, -1)) * 1_000_000);
  const stepUs = STEP_US[version];
  const rounded = Math.max(stepUs, Math.round(us / stepUs) * stepUs);
  if (us === 0) report(refused(statement, `${quoted(statement)}: must be more than 0`, 'correct it'));
  if (us === 0 || us === rounded) return { text: `advertisement_interval = ${tomlString(duration)}`, from: statement };
  const text = `${rounded / 1_000_000}s`;
  report(leftOut(statement, `${quoted(statement)}: in version ${version} keepalived rounds it to ${text}`));
  return { text: `advertisement_interval = ${tomlString(text)}`, from: statement };
}

export type Preemption = { readonly preempt: TomlLine; readonly preemptDelay: TomlLine | undefined };

/** keepalived preempts by default, and whatever is set if it is to start as Master. */
export function preemption(settings: Settings, priority: number, report: Report): Preemption {
  const startsAsMaster = wantsMaster(settings, report);
  const given = settings.one('nopreempt');
  const delay = settings.one('preempt_delay');
  for (const statement of [given, delay]) {
    if (startsAsMaster && statement !== undefined) {
      report(leftOut(statement, `${quoted(statement)}: keepalived ignores it with 'state MASTER'`));
    }
  }
  if (given !== undefined && !startsAsMaster && priority === 255) {
    report(leftOut(given, `${quoted(given)}: keepalived ignores it with priority 255`));
  }
  if (given !== undefined && !startsAsMaster && priority !== 255) {
    if (delay !== undefined) report(leftOut(delay, `${quoted(delay)}: has no effect with nopreempt`));
    return { preempt: { text: 'preempt = false', from: given }, preemptDelay: undefined };
  }
  const duration = delay === undefined || startsAsMaster ? undefined : seconds(delay, report);
  const preemptDelay =
    delay === undefined || duration === undefined
      ? undefined
      : { text: `preempt_delay = ${tomlString(duration)}`, from: delay };
  return { preempt: { text: 'preempt = true', note: DEFAULT }, preemptDelay };
}

/** Once MASTER stands, a BACKUP below does not count. */
function wantsMaster(settings: Settings, report: Report): boolean {
  const states = settings.all('state');
  const master = states.find(({ words }) => words[1] === 'MASTER');
  for (const state of states) {
    if (state === master) report(leftOut(state, "'state MASTER': a router starts as Backup; the priority decides"));
    else if (state.words[1] !== 'BACKUP') {
      report(refused(state, `${quoted(state)}: neither MASTER nor BACKUP`, 'correct it'));
    } else if (master !== undefined) {
      report(leftOut(state, `${quoted(state)}: keepalived ignores it beside 'state MASTER'`));
    }
  }
  return master !== undefined;
}
