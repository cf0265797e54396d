import { announceWarnings } from './announce.ts';
import { build } from './build.ts';
import { checkFindings } from './check-rules.ts';
import type { Finding } from './finding.ts';
import { schemaFindings } from './issues.ts';
import { crossablePriorities, groupFindings, groupWarnings, routerFindings, unityFindings } from './rules.ts';
import { type CheckedGroup, type CheckedRouter, ConfigFile, GroupAlone, VirtualRouterAlone } from './schema.ts';
import { readSource, type Source } from './source.ts';
import type { Config, ConfigProblem } from './types.ts';
import { wholeFindings, wholeWarnings } from './whole.ts';

export type LoadedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly ConfigProblem[] }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

export type LoadOptions = {
  /** The kernel's tick, in which the fence counts: 4 ms at HZ 250. */
  readonly tickMs?: number;
};

/**
 * Reads and checks a configuration file (DESIGN section 7). Pure: `text` is its content, `fileName` only names it in
 * problems. Never throws; all problems that can be told at once come at once, in the order of the file.
 */
export function loadConfig(text: string, fileName: string, { tickMs = 4 }: LoadOptions = {}): LoadedConfig {
  const named = (findings: readonly Finding[]): ConfigProblem[] =>
    inOrder(findings).map((finding) => ({ file: fileName, ...finding }));
  const read = readSource(text);
  if (!read.ok) return { ok: false, problems: named([{ ...read.place, path: '', message: read.message }]) };
  const { source } = read;
  const parsed = ConfigFile.safeParse(source.tree);
  const groups = checkedGroups(source);
  const witness = ConfigFile.shape.witness.safeParse(source.tree.witness).data;
  const problems = [
    ...(parsed.success ? [] : schemaFindings(parsed.error.issues, source)),
    ...groups.flatMap((group) => findingsOf(group, source, tickMs)),
    ...groups.flatMap(({ path, raw }) =>
      checkFindings(
        tables(raw.check),
        path,
        groups.flatMap((group) => group.routers),
        source,
      ),
    ),
    ...wholeFindings(groups, witness, source),
  ];
  if (!parsed.success || problems.length > 0) return { ok: false, problems: named(problems) };
  const warnings = [
    ...groups.flatMap((group) => groupWarnings(group.table, group.raw, group.path, source)),
    ...groups.flatMap(({ routers }) => announceWarnings(routers, source)),
    ...groups.flatMap(({ table, routers }) => (table.mode === 'vrrp' ? crossablePriorities(routers, source) : [])),
    ...wholeWarnings(groups, witness, source),
  ];
  return { ok: true, config: build(parsed.data), warnings: named(warnings) };
}

/**
 * The groups and virtual routers that are sound by themselves, so that one bad value does not hide what is wrong
 * elsewhere.
 */
function checkedGroups(source: Source): (CheckedGroup & { readonly raw: Fields })[] {
  return tables(source.tree.group).flatMap(({ raw, index }) => {
    const path = ['group', index];
    const parsed = GroupAlone.safeParse(raw);
    if (!parsed.success) return [];
    const routers = tables(raw.virtual_router).flatMap((router): CheckedRouter[] => {
      const { data } = VirtualRouterAlone.safeParse(router.raw);
      return data === undefined ? [] : [{ path: [...path, 'virtual_router', router.index], table: data }];
    });
    return [{ path, raw, table: parsed.data, routers }];
  });
}

function findingsOf({ path, table, routers }: CheckedGroup, source: Source, tickMs: number): Finding[] {
  return [
    ...groupFindings(table, path, source.tree.node, source),
    ...routers.flatMap((router) => routerFindings(router.table, router.path, table.mode, tickMs, source)),
    ...(table.mode === 'lease' ? unityFindings(routers, source) : []),
  ];
}

type Fields = { readonly [key: string]: unknown };

function tables(list: unknown): { raw: Fields; index: number }[] {
  if (!Array.isArray(list)) return [];
  return list.flatMap((raw, index) =>
    typeof raw === 'object' && raw !== null && !Array.isArray(raw) && !(raw instanceof Date) ? [{ raw, index }] : [],
  );
}

function inOrder(findings: readonly Finding[]): Finding[] {
  const unique = new Map(findings.map((finding) => [JSON.stringify(finding), finding]));
  return [...unique.values()].toSorted((left, right) => left.line - right.line || left.column - right.column);
}
