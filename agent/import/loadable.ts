import { loadConfig } from '../config/index.ts';
import { type Place, refused } from './finding.ts';
import type { GroupDraft } from './groups.ts';
import type { Report } from './settings.ts';
import { type Part, renderToml, type TomlLine } from './toml.ts';

/** As many as the configuration may have. */
const MAX_GROUPS = 512;

/**
 * What is written must be what `tiebreak run` takes: a part with a problem is reported at keepalived's lines and left out, and
 * so is the whole group if it cannot do without; until the rest is sound. Undefined: no group is left.
 */
export function loadable(head: readonly TomlLine[], groups: readonly GroupDraft[], report: Report): string | undefined {
  for (const group of groups.slice(MAX_GROUPS)) {
    report(refused(group.place, `the group ${group.name} is one too many`, `a node has ${MAX_GROUPS} at most`));
  }
  let rest = groups.slice(0, MAX_GROUPS);
  while (rest.length > 0) {
    const lines = [...head, ...rest.flatMap((group) => [{ text: '' }, ...group.lines])];
    const text = renderToml(lines);
    const loaded = loadConfig(text, 'result');
    if (loaded.ok) return text;
    const groupsToGo = new Set<GroupDraft>();
    const partsToGo = new Set<Part>();
    const places: Place[] = [];
    for (const { line, message, hint } of loaded.problems) {
      const group = groupOfLine(rest, head.length, line);
      if (group === undefined) continue;
      const at = lines[line - 1];
      if (at?.part === undefined) groupsToGo.add(group);
      else partsToGo.add(at.part);
      const place = at?.from ?? at?.part ?? nearestPlace(lines, line - 1) ?? group.place;
      places.push(place);
      report(refused(place, `${shown(at)}: ${message}`, ...(hint === undefined ? [] : [hint])));
    }
    for (const group of groupsToGo) {
      report(refused(group.place, `the group ${group.name} cannot be taken over as it is`));
    }
    for (const part of partsToGo) {
      const said = places.some(({ file, line }) => file === part.file && line === part.line);
      if (!said) report(refused(part, `${part.what} cannot be taken over as it is`));
    }
    // A problem outside every group, as with a bad node name, is none that leaving groups out would solve.
    if (groupsToGo.size + partsToGo.size === 0) return undefined;
    rest = rest.filter((group) => !groupsToGo.has(group)).map((group) => withoutParts(group, partsToGo));
  }
  return undefined;
}

/** A password is for nobody's screen. */
function shown(line: TomlLine | undefined): string {
  return `'${line?.text.trim().replace(/^auth_pass = .*/, 'auth_pass')}'`;
}

function withoutParts(group: GroupDraft, parts: ReadonlySet<Part>): GroupDraft {
  const lines = group.lines.filter(({ part }) => part === undefined || !parts.has(part));
  return lines.length === group.lines.length ? group : { ...group, lines };
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
