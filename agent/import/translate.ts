import { ANNOUNCE_GLOBALS, announceDefaults } from './announce.ts';
import { type ImportFinding, refused } from './finding.ts';
import { translateGroups } from './groups.ts';
import { loadable } from './loadable.ts';
import { AT_TOP, IN_GLOBAL_DEFS, untranslated } from './no-equivalent.ts';
import { type FindProgram, Programs } from './programs.ts';
import type { ReadConfiguration } from './read-keepalived.ts';
import {
  BLOCK,
  NAMED_BLOCK,
  type Report,
  refuseOtherShapes,
  type Settings,
  type Shape,
  seconds,
  settingsOf,
  VALUE,
} from './settings.ts';
import { forComment, type TomlLine, tomlString } from './toml.ts';
import { Tracking } from './tracking.ts';
import type { Defaults } from './virtual-router.ts';

export type Translation = {
  /** The configuration that could be made; undefined if no group is left. */
  readonly toml: string | undefined;
  /** Everything that it does not say, in the order of the files. */
  readonly findings: readonly ImportFinding[];
};

const BLOCKS: ReadonlyMap<string, Shape> = new Map([
  ['global_defs', BLOCK],
  ['vrrp_instance', NAMED_BLOCK],
  ['vrrp_sync_group', NAMED_BLOCK],
  ['vrrp_script', NAMED_BLOCK],
  ['vrrp_track_process', NAMED_BLOCK],
  ['garp_group', BLOCK],
]);
const GLOBALS: ReadonlyMap<string, Shape> = new Map([
  ['vrrp_version', VALUE],
  ['default_interface', VALUE],
  ['vrrp_startup_delay', VALUE],
  ['script_user', { words: 3, block: false }],
  ...ANNOUNCE_GLOBALS,
]);

export type TranslateOptions = {
  /** keepalived.conf, as it is called in the head of the result. */
  readonly file: string;
  /** The name of this node. */
  readonly node: string;
  readonly findProgram: FindProgram;
};

/** keepalived's configuration in the words of this program (DESIGN section 7). Pure but for `findProgram`; never throws. */
export function translate({ statements, findings }: ReadConfiguration, options: TranslateOptions): Translation {
  const { file, node, findProgram } = options;
  const found: ImportFinding[] = [...findings];
  const report: Report = (finding) => void found.push(finding);
  for (const finding of untranslated(statements, BLOCKS, AT_TOP)) report(finding);
  refuseOtherShapes(statements, BLOCKS, report);
  const globals = statements.flatMap(({ words, block }) => (words[0] === 'global_defs' ? (block ?? []) : []));
  for (const finding of untranslated(globals, GLOBALS, IN_GLOBAL_DEFS)) report(finding);
  refuseOtherShapes(globals, GLOBALS, report);
  const settings = settingsOf(globals, report);
  const defaults: Defaults = {
    version: settings.one('vrrp_version'),
    interface: settings.one('default_interface'),
    announce: announceDefaults(settings, statements, report),
  };
  const programs = new Programs(findProgram, settings.one('script_user'), report);
  const tracking = new Tracking(statements, programs, report);
  const groups = translateGroups(statements, { defaults, tracking, programs, report });
  tracking.finish();
  const toml = loadable([...headLines(file, node), ...startDelayLines(settings, report)], groups, report);
  if (toml === undefined) {
    report(refused({ file, line: 1 }, 'there is no vrrp_instance that could be taken over'));
  }
  return { toml, findings: inOrder(found) };
}

function headLines(file: string, node: string): TomlLine[] {
  return [
    ...[
      `Taken over from ${forComment(file)}. A comment FILE:LINE names the line that a setting comes from.`,
      '',
      'mode = "vrrp" does on the wire what keepalived did, and works together with it: go over node by node. It is',
      'unprotected: when the link between the nodes is cut, both own the addresses. Once every node runs tiebreak, go over',
      'to mode "lease", the backup first (docs/migrate-from-keepalived.md says how), with the same change on each of them:',
      '  1. mode = "lease" in the group, with the same priority and interval in all of its virtual routers',
      '  2. key_file = "/etc/tiebreak/GROUP.key", the same on every node; made by: tiebreak keygen --out FILE',
      '  3. peers = [{ node = "b", addresses = ["192.0.2.2"] }], the other nodes',
      '  4. a table [witness] with two nodes; with three or five it may be left out',
    ].map((text) => ({ text: `# ${text}`.trimEnd() })),
    { text: '' },
    { text: `node = ${tomlString(node)}` },
  ];
}

function startDelayLines(settings: Settings, report: Report): TomlLine[] {
  const statement = settings.one('vrrp_startup_delay');
  const delay = statement === undefined ? undefined : seconds(statement, report);
  if (statement === undefined || delay === undefined) return [];
  return [{ text: `start_delay = ${tomlString(delay)}`, from: statement }];
}

/** By file as they were met, then by line. */
function inOrder(findings: readonly ImportFinding[]): ImportFinding[] {
  const unique = [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
  const files = [...new Set(unique.map(({ file }) => file))];
  return unique.toSorted(
    (left, right) => files.indexOf(left.file) - files.indexOf(right.file) || left.line - right.line,
  );
}
