import type { Family } from './addresses.ts';
import { leftOut } from './finding.ts';
import { untranslated } from './no-equivalent.ts';
import {
  isOn,
  quoted,
  type Report,
  refuseOtherShapes,
  type Settings,
  type Shape,
  seconds,
  settingsOf,
  VALUE,
  wholeNumber,
} from './settings.ts';
import { partOf, type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';

/** Of an instance; `vrrp_` before it, of all in `global_defs`. */
const KEYWORDS = [
  'garp_master_delay',
  'garp_master_repeat',
  'garp_master_refresh',
  'garp_master_refresh_repeat',
  'garp_lower_prio_delay',
  'garp_lower_prio_repeat',
] as const;
type Keyword = (typeof KEYWORDS)[number];

export const ANNOUNCE_KEYWORDS: readonly [string, Shape][] = KEYWORDS.map((keyword) => [keyword, VALUE]);
export const ANNOUNCE_GLOBALS: readonly [string, Shape][] = [
  ...KEYWORDS.map((keyword): [string, Shape] => [`vrrp_${keyword}`, VALUE]),
  ['vrrp_garp_interval', VALUE],
  ['vrrp_gna_interval', VALUE],
  ['vrrp_min_garp', VALUE],
];
const IN_GARP_GROUP: ReadonlyMap<string, Shape> = new Map([
  ['garp_interval', VALUE],
  ['gna_interval', VALUE],
  ['interface', VALUE],
  ['interfaces', { words: 1, block: true }],
]);
/** keepalived's own: five at once, and five again after as many seconds. */
const DELAY_S = 5;
const REPEAT = 5;
const SECONDS_MAX = 999_999_999;

/** What stands outside of the instances. */
export type AnnounceDefaults = {
  readonly of: ReadonlyMap<Keyword, Statement>;
  readonly minimal: Statement | undefined;
  readonly interval: { readonly [family in Family]: Statement | undefined };
  /** By interface. */
  readonly intervals: ReadonlyMap<string, { readonly [family in Family]: Statement | undefined }>;
};

export function announceDefaults(globals: Settings, top: readonly Statement[], report: Report): AnnounceDefaults {
  const minimal = globals.one('vrrp_min_garp');
  return {
    of: new Map(
      KEYWORDS.flatMap((keyword): [Keyword, Statement][] => {
        const given = globals.one(`vrrp_${keyword}`);
        return given === undefined ? [] : [[keyword, given]];
      }),
    ),
    minimal: minimal !== undefined && isOn(minimal) ? minimal : undefined,
    interval: { ipv4: globals.one('vrrp_garp_interval'), ipv6: globals.one('vrrp_gna_interval') },
    intervals: new Map(
      top.filter(({ words }) => words[0] === 'garp_group').flatMap((group) => garpGroup(group, report)),
    ),
  };
}

function garpGroup(group: Statement, report: Report): [string, AnnounceDefaults['interval']][] {
  const statements = group.block ?? [];
  for (const finding of untranslated(statements, IN_GARP_GROUP, new Map())) report(finding);
  refuseOtherShapes(statements, IN_GARP_GROUP, report);
  const settings = settingsOf(statements, report);
  const names = [
    ...settings.all('interface').flatMap(({ words }) => words[1] ?? []),
    ...settings.entries('interfaces').flatMap(({ words }) => words),
  ];
  if (names.length > 1) {
    report(leftOut(group, `'garp_group' of ${names.join(', ')}: each interface has the interval by itself`));
  }
  const interval = { ipv4: settings.one('garp_interval'), ipv6: settings.one('gna_interval') };
  return names.map((name) => [name, interval]);
}

/** The lines of `announce`; none where keepalived's configuration says nothing of it. */
export function announcement(
  settings: Settings,
  defaults: AnnounceDefaults,
  where: { readonly interface: string; readonly family: Family },
  report: Report,
): TomlLine[] {
  const given = (keyword: Keyword): Statement | undefined => settings.one(keyword) ?? defaults.of.get(keyword);
  const number = (statement: Statement | undefined): number | undefined =>
    statement === undefined ? undefined : wholeNumber(statement, 0, SECONDS_MAX, report);
  const delay = given('garp_master_delay');
  const repeat = given('garp_master_repeat');
  const delayS = number(delay) ?? (defaults.minimal === undefined ? DELAY_S : 0);
  const copies = number(repeat) ?? (defaults.minimal === undefined ? REPEAT : 1);
  const source = delay ?? repeat ?? defaults.minimal;
  const lines: TomlLine[] = [];
  const say = (from: Statement, text: string): void => {
    lines.push(...partOf(from, quoted(from), [{ text: `announce.${text}`, from }]));
  };
  if (source !== undefined) {
    say(delay ?? source, `repeat_after = ${delayS === 0 ? '[]' : `["${delayS}s"]`}`);
    say(repeat ?? source, `copies = ${copies}`);
  }
  const refresh = given('garp_master_refresh');
  const refreshS = number(refresh) ?? 0;
  const refreshRepeat = given('garp_master_refresh_repeat');
  const refreshCopies = number(refreshRepeat);
  if (refresh !== undefined && refreshS > 0) say(refresh, `refresh = "${refreshS}s"`);
  if (refreshRepeat !== undefined && refreshS > 0) say(refreshRepeat, `refresh_copies = ${refreshCopies}`);
  if (refreshRepeat !== undefined && refreshS === 0) {
    report(leftOut(refreshRepeat, `${quoted(refreshRepeat)}: has no effect without garp_master_refresh`));
  }
  sayLowerPriority([given('garp_lower_prio_delay'), delayS], [given('garp_lower_prio_repeat'), copies], source, report);
  const spacing = defaults.intervals.get(where.interface)?.[where.family] ?? defaults.interval[where.family];
  const duration = spacing === undefined ? undefined : seconds(spacing, report);
  if (spacing !== undefined && duration !== undefined && duration !== '0s') {
    say(spacing, `spacing = ${tomlString(duration)}`);
  }
  return lines;
}

type Answered = readonly [statement: Statement | undefined, taken: number];

/** A router that hears a lower priority announces as after a takeover here: the same, unless something else was set. */
function sayLowerPriority(delay: Answered, repeat: Answered, source: Statement | undefined, report: Report): void {
  for (const [statement, taken] of [delay, repeat]) {
    if (statement === undefined) continue;
    const same = source !== undefined && wholeNumber(statement, 0, SECONDS_MAX, report) === taken;
    if (same) continue;
    const why = 'who hears a lower priority announces as after a takeover, and at most five times in a row';
    report(leftOut(statement, `${quoted(statement)}: ${why}`));
  }
}
