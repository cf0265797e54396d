import { type Place, refused } from './finding.ts';
import { IN_SYNC_GROUP, untranslated } from './no-equivalent.ts';
import { BLOCK, quoted, type Report, refuseOtherShape, refuseOtherShapes, type Shape } from './settings.ts';
import { type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';
import { type Defaults, type RouterDraft, translateInstance } from './virtual-router.ts';

export type GroupDraft = { readonly name: string; readonly place: Place; readonly lines: readonly TomlLine[] };

const TRANSLATED: ReadonlyMap<string, Shape> = new Map([['group', BLOCK]]);

/** A vrrp_sync_group is a group, and so is every vrrp_instance that is in none. */
export function translateGroups(statements: readonly Statement[], defaults: Defaults, report: Report): GroupDraft[] {
  const routers = new Map<string, RouterDraft | undefined>();
  for (const statement of statements) {
    if (statement.words[0] !== 'vrrp_instance') continue;
    const name = statement.words[1] ?? '';
    const draft = translateInstance(statement, defaults, report);
    if (routers.has(name)) report(refused(statement, `${quoted(statement)} stands twice`, 'rename one of them'));
    else routers.set(name, draft);
  }
  const names = new Names();
  const grouped = new Set<string>();
  const groups: GroupDraft[] = [];
  for (const statement of statements) {
    if (statement.words[0] !== 'vrrp_sync_group') continue;
    const members = membersOf(statement, routers, grouped, report);
    if (members.length > 0) groups.push(draftGroup(statement.words[1] ?? '', statement, members, names, report));
  }
  for (const [name, router] of routers) {
    if (router !== undefined && !grouped.has(name))
      groups.push(draftGroup(name, router.place, [router], names, report));
  }
  return groups;
}

function membersOf(
  group: Statement,
  routers: ReadonlyMap<string, RouterDraft | undefined>,
  grouped: Set<string>,
  report: Report,
): RouterDraft[] {
  const statements = group.block ?? [];
  for (const finding of untranslated(statements, TRANSLATED, IN_SYNC_GROUP)) report(finding);
  refuseOtherShapes(statements, TRANSLATED, report);
  const entries = statements.flatMap(({ words, block }) => (words[0] === 'group' ? (block ?? []) : []));
  const members: RouterDraft[] = [];
  for (const entry of entries) {
    refuseOtherShape(entry, { words: entry.words.length, block: false }, report);
    for (const name of entry.words) {
      const router = routers.get(name);
      if (!routers.has(name)) report(refused(entry, `there is no vrrp_instance ${name}`, 'correct the name'));
      else if (grouped.has(name)) report(refused(entry, `${name} is in a sync group already`, 'take it out of one'));
      else if (router !== undefined) members.push(router);
      grouped.add(name);
    }
  }
  if (members.length > 1) {
    const what = `${quoted(group)}: in mode "vrrp" its virtual routers are elected one by one, and may part`;
    report(refused(group, what, 'go over to mode "lease", in which they move together'));
  }
  return members;
}

function draftGroup(
  name: string,
  place: Place,
  members: readonly RouterDraft[],
  names: Names,
  report: Report,
): GroupDraft {
  const [first, ...others] = members;
  for (const other of others) {
    const differs = other.preempt.text !== first?.preempt.text || other.preemptDelay?.text !== first.preemptDelay?.text;
    if (differs) {
      const what = `vrrp_instance ${other.name} preempts otherwise than the first one of its group`;
      report(refused(other.place, what, 'set nopreempt and preempt_delay alike in all of them'));
    }
  }
  const taken = names.take(name);
  const lines: TomlLine[] = [
    { text: '[[group]]', from: place },
    { text: `name = ${tomlString(taken)}` },
    { text: 'mode = "vrrp"', note: 'unprotected: see above' },
    ...(first === undefined ? [] : [first.preempt]),
    ...(first?.preemptDelay === undefined ? [] : [first.preemptDelay]),
    ...members.flatMap((router) => [{ text: '' }, ...router.lines]),
  ];
  return { name: taken, place, lines };
}

/** Names as this program has them, each one once. */
class Names {
  readonly #taken = new Set<string>();

  take(name: string): string {
    const base = validName(name) ?? 'group';
    let candidate = base;
    for (let number = 2; this.#taken.has(candidate); number++) candidate = `${base.slice(0, 56)}-${number}`;
    this.#taken.add(candidate);
    return candidate;
  }
}

/** `VI_1` as `vi_1`: lower-case letters, digits, dots, dashes and underscores, 63 at most. */
export function validName(name: string): string | undefined {
  const valid = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 63)
    .replace(/[^a-z0-9]+$/, '');
  return valid === '' ? undefined : valid;
}
