import { loadConfig } from '../config/index.ts';
import { type ImportFinding, type Place, refused } from './finding.ts';
import { type GroupDraft, translateGroups } from './groups.ts';
import { AT_TOP, IN_GLOBAL_DEFS, untranslated } from './no-equivalent.ts';
import type { ReadConfiguration } from './read-keepalived.ts';
import { BLOCK, NAMED_BLOCK, type Report, refuseOtherShapes, type Shape, settingsOf, VALUE } from './settings.ts';
import { forComment, renderToml, type TomlLine, tomlString } from './toml.ts';
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
]);
const GLOBALS: ReadonlyMap<string, Shape> = new Map([
  ['vrrp_version', VALUE],
  ['default_interface', VALUE],
]);

/** As many as the configuration may have. */
const MAX_GROUPS = 512;

/** keepalived's configuration in the words of this program (DESIGN section 7). Pure; never throws. */
export function translate({ statements, findings }: ReadConfiguration, file: string, node: string): Translation {
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
  };
  const groups = translateGroups(statements, defaults, report);
  const toml = loadable(groups, file, node, report);
  if (toml === undefined) {
    report(refused({ file, line: 1 }, 'there is no vrrp_instance that could be taken over'));
  }
  return { toml, findings: inOrder(found) };
}

/**
 * What is written must be what `tiebreak run` takes: a group with a problem is reported at keepalived's lines and left out,
 * until the rest is sound.
 */
function loadable(groups: readonly GroupDraft[], file: string, node: string, report: Report): string | undefined {
  for (const group of groups.slice(MAX_GROUPS)) {
    report(refused(group.place, `the group ${group.name} is one too many`, `a node has ${MAX_GROUPS} at most`));
  }
  let rest = groups.slice(0, MAX_GROUPS);
  while (rest.length > 0) {
    const head = headLines(file, node);
    const lines = [...head, ...rest.flatMap((group) => [{ text: '' }, ...group.lines])];
    const text = renderToml(lines);
    const loaded = loadConfig(text, 'result');
    if (loaded.ok) return text;
    const failing = new Set<GroupDraft>();
    for (const { line, message, hint } of loaded.problems) {
      const group = groupOfLine(rest, head.length, line);
      if (group === undefined) continue;
      failing.add(group);
      const place = nearestPlace(lines, line - 1) ?? group.place;
      report(refused(place, `'${lines[line - 1]?.text.trim()}': ${message}`, ...(hint === undefined ? [] : [hint])));
    }
    for (const group of failing) report(refused(group.place, `the group ${group.name} cannot be taken over as it is`));
    // A problem outside every group, as with a bad node name, is none that leaving groups out would solve.
    rest = failing.size === 0 ? [] : rest.filter((group) => !failing.has(group));
  }
  return undefined;
}

function groupOfLine(groups: readonly GroupDraft[], headLength: number, line: number): GroupDraft | undefined {
  let end = headLength;
  return groups.find((group) => {
    end += group.lines.length + 1;
    return line <= end;
  });
}

function nearestPlace(lines: readonly TomlLine[], index: number): Place | undefined {
  return lines.slice(0, index + 1).findLast(({ from }) => from !== undefined)?.from;
}

function headLines(file: string, node: string): TomlLine[] {
  return [
    ...[
      `Taken over from ${forComment(file)}. A comment FILE:LINE names the line that a setting comes from.`,
      '',
      'mode = "vrrp" does on the wire what keepalived did, and works together with it: go over node by node. It is',
      'unprotected: when the link between the nodes is cut, both own the addresses. Once every node runs tiebreak, go over',
      'to mode "lease" with the same change on each of them:',
      '  1. mode = "lease" in the group, with the same priority and interval in all of its virtual routers',
      '  2. key_file = "/etc/tiebreak/GROUP.key", the same on every node: a line of an id and 32 random bytes in hex',
      '  3. peers = [{ node = "b", addresses = ["192.0.2.2"] }], the other nodes',
      '  4. a table [witness] with two nodes; with three or five it may be left out',
    ].map((text) => ({ text: `# ${text}`.trimEnd() })),
    { text: '' },
    { text: `node = ${tomlString(node)}` },
  ];
}

/** By file as they were met, then by line. */
function inOrder(findings: readonly ImportFinding[]): ImportFinding[] {
  const unique = [...new Map(findings.map((finding) => [JSON.stringify(finding), finding])).values()];
  const files = [...new Set(unique.map(({ file }) => file))];
  return unique.toSorted(
    (left, right) => files.indexOf(left.file) - files.indexOf(right.file) || left.line - right.line,
  );
}
