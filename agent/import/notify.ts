import { leftOut, refused } from './finding.ts';
import { commandLine, type Programs } from './programs.ts';
import { quoted, type Report, type Settings } from './settings.ts';
import { partOf, type TomlLine } from './toml.ts';
import type { Statement } from './tree.ts';

/** A program that is told of changes, on its way to a `[[group.notify]]`. */
export type NotifyDraft = {
  readonly statement: Statement;
  /** It is told what keepalived tells: INSTANCE or GROUP, name, state and priority. */
  readonly told: boolean;
  readonly lines: readonly TomlLine[];
};

/** In the order in which keepalived runs them. */
const STATES: ReadonlyMap<string, string | undefined> = new Map([
  ['notify_master', 'active'],
  ['notify_backup', 'backup'],
  ['notify_fault', 'fault'],
  ['notify_stop', 'stopped'],
  ['notify', undefined],
]);
/** Keywords that take a program, and after it the user and group that it is run as. */
export const NOTIFY_KEYWORDS: readonly string[] = [...STATES.keys()];
export const NOTIFY_SHAPE = { words: 4, block: false };

export function translateNotify(settings: Settings, programs: Programs, report: Report): NotifyDraft[] {
  return NOTIFY_KEYWORDS.flatMap((keyword) => {
    const statement = settings.first(keyword);
    if (statement === undefined) return [];
    if (statement.words.length < 2) {
      report(refused(statement, `${quoted(statement)} names no program`, 'name one'));
      return [];
    }
    const command = programs.take(statement, { place: statement, words: statement.words.slice(2) });
    if (command === undefined) return [];
    const state = STATES.get(keyword);
    const lines: TomlLine[] = [
      commandLine(command, statement),
      ...(state === undefined ? [] : [{ text: `states = ["${state}"]` }, { text: 'keepalived_arguments = false' }]),
    ];
    return [{ statement, told: state === undefined, lines }];
  });
}

/** Members of a sync group change state together: each of them telling of its own would be told several times over. */
export function refuseOwnNotify(notify: readonly NotifyDraft[], report: Report): void {
  for (const { statement } of notify) {
    const what = `${quoted(statement)}: the virtual routers of a sync group change state as one`;
    report(refused(statement, what, 'let the vrrp_sync_group notify'));
  }
}

/** @param group how keepalived names it to a program; `now`: its name here */
export function notifyLines(
  { statement, told, lines }: NotifyDraft,
  group: { readonly kind: string; readonly before: string; readonly now: string; readonly routers: number },
  report: Report,
): TomlLine[] {
  if (told) {
    const before = `${group.kind} ${group.before}`;
    const now = `${group.routers === 1 ? 'INSTANCE' : 'GROUP'} ${group.now}`;
    if (before !== now) {
      const what = `${quoted(statement)} is told of '${now}', where keepalived says '${before}'`;
      report(leftOut(statement, what, 'change the program if it looks at that'));
    }
  }
  return partOf(statement, `the table of ${quoted(statement)}`, [
    { text: '' },
    { text: '[[group.notify]]', from: statement },
    ...lines,
  ]);
}
