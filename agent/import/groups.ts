import { type CheckDraft, checkLines, merged, ofAddressOwner, withoutWeights } from './check.ts';
import { leftOut, type Place, refused } from './finding.ts';
import { Names } from './names.ts';
import { IN_SYNC_GROUP, untranslated } from './no-equivalent.ts';
import {
  NOTIFY_KEYWORDS,
  NOTIFY_SHAPE,
  type NotifyDraft,
  notifyLines,
  refuseOwnNotify,
  translateNotify,
} from './notify.ts';
import { BLOCK, quoted, type Report, refuseOtherShape, refuseOtherShapes, type Shape, settingsOf } from './settings.ts';
import { type TomlLine, tomlString } from './toml.ts';
import type { Statement } from './tree.ts';
import { type RouterDraft, type Surroundings, translateInstance } from './virtual-router.ts';

export type GroupDraft = { readonly name: string; readonly place: Place; readonly lines: readonly TomlLine[] };

/** What becomes a group: a sync group with its members, or an instance that is in none. */
type Source = {
  readonly name: string;
  readonly place: Place;
  readonly kind: 'GROUP' | 'INSTANCE';
  readonly members: readonly RouterDraft[];
  readonly checks: readonly CheckDraft[];
  readonly notify: readonly NotifyDraft[];
};

const TRANSLATED: ReadonlyMap<string, Shape> = new Map([
  ['group', BLOCK],
  ['track_script', BLOCK],
  ['track_process', BLOCK],
  ['track_interface', BLOCK],
  ...NOTIFY_KEYWORDS.map((keyword): [string, Shape] => [keyword, NOTIFY_SHAPE]),
]);

/** A vrrp_sync_group is a group, and so is every vrrp_instance that is in none. */
export function translateGroups(statements: readonly Statement[], around: Surroundings): GroupDraft[] {
  const { report } = around;
  const routers = new Map<string, RouterDraft | undefined>();
  for (const statement of statements) {
    if (statement.words[0] !== 'vrrp_instance') continue;
    const name = statement.words[1] ?? '';
    const draft = translateInstance(statement, around);
    if (routers.has(name)) report(refused(statement, `${quoted(statement)} stands twice`, 'rename one of them'));
    else routers.set(name, draft);
  }
  const names = new Names();
  const grouped = new Set<string>();
  const groups: GroupDraft[] = [];
  for (const statement of statements) {
    if (statement.words[0] !== 'vrrp_sync_group') continue;
    const members = membersOf(statement, routers, grouped, report);
    if (members.length > 0) groups.push(draftGroup(syncGroup(statement, members, around), names, report));
  }
  for (const [name, router] of routers) {
    if (router === undefined || grouped.has(name)) continue;
    const { place, notify } = router;
    const checks = router.priority === 255 ? ofAddressOwner(router.checks, false, report) : router.checks;
    groups.push(draftGroup({ name, place, kind: 'INSTANCE', members: [router], checks, notify }, names, report));
  }
  return groups;
}

/** Members track for the whole group, as keepalived has them go to the fault state together. */
function syncGroup(statement: Statement, members: readonly RouterDraft[], around: Surroundings): Source {
  const { tracking, programs, report } = around;
  const own = tracking.checksOf(statement);
  const checks = members.some(({ priority }) => priority === 255) ? ofAddressOwner(own, true, report) : own;
  for (const member of members) refuseOwnNotify(member.notify, report);
  return {
    name: statement.words[1] ?? '',
    place: statement,
    kind: 'GROUP',
    members,
    checks: [
      ...checks,
      ...withoutWeights(
        members.flatMap((member) => member.checks),
        report,
      ),
    ],
    notify: translateNotify(settingsOf(statement.block ?? [], report), programs, report),
  };
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
  return members;
}

function draftGroup({ name, place, kind, members, checks, notify }: Source, names: Names, report: Report): GroupDraft {
  const [first, ...others] = members;
  for (const other of others) {
    const { preempt, preemptDelay } = other.preemption;
    const differs =
      preempt.text !== first?.preemption.preempt.text || preemptDelay?.text !== first.preemption.preemptDelay?.text;
    if (differs) {
      const what = `vrrp_instance ${other.name} preempts otherwise than the first one of its group`;
      report(refused(other.place, what, 'set nopreempt and preempt_delay alike in all of them'));
    }
  }
  const now = names.take(name, 'group');
  const checkNames = new Names();
  const watched = members.map((router) => router.interface);
  const lines: TomlLine[] = [
    { text: '[[group]]', from: place },
    { text: `name = ${tomlString(now)}` },
    { text: 'mode = "vrrp"', note: 'unprotected: see above' },
    ...(first === undefined ? [] : [first.preemption.preempt]),
    ...(first?.preemption.preemptDelay === undefined ? [] : [first.preemption.preemptDelay]),
    ...members.flatMap((router) => [{ text: '' }, ...router.lines]),
    ...merged(checks)
      .filter((check) => !isWatched(check, watched, report))
      .flatMap((check) => checkLines(check, checkNames)),
    ...notify.flatMap((draft) => notifyLines(draft, { kind, before: name, now, routers: members.length }, report)),
  ];
  return { name: now, place, lines };
}

/** A group is given up anyway when an interface that it advertises on loses its link; keepalived does not track it twice. */
function isWatched({ kind, name, place, weight }: CheckDraft, watched: readonly string[], report: Report): boolean {
  const found = kind === 'interface' && watched.includes(name);
  if (found && weight !== 0) {
    report(
      leftOut(place, `${name} with weight ${weight}: keepalived ignores it, as it is the instance's own interface`),
    );
  }
  return found;
}
