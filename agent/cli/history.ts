import { styleText } from 'node:util';
import type { HistoryEntry } from '@tiebreak/shared/wire';
import { parseJson } from '@tiebreak/shared/wire';
import type { Command } from 'commander';
import { History } from '../api/index.ts';
import { chooseTarget, type TargetOptions, withReadTarget } from './agent-target.ts';
import { EXIT } from './exit-code.ts';
import { fail } from './fail.ts';
import { readApi } from './local-api.ts';
import { alignColumns } from './table.ts';

type HistoryOptions = TargetOptions & { readonly json?: true; readonly group?: string };

export function registerHistory(program: Command): void {
  withReadTarget(program.command('history'))
    .description('show what this agent has decided, and why')
    .option('--group <name>', 'of this group only')
    .option('--json', 'print the entries as the API gives them')
    .action(async (options: HistoryOptions) => {
      process.exitCode = await history(options);
    });
}

async function history(options: HistoryOptions): Promise<number> {
  const target = chooseTarget(options);
  if (target === undefined) return EXIT.usage;
  const answer = await readApi(target, '/v1/history');
  if (!answer.ok) return fail(answer.error);
  const parsed = History.safeParse(parseJson(answer.text));
  if (!parsed.success) return fail('the answer is not a history that this version understands');
  const entries = parsed.data.filter(({ group }) => options.group === undefined || options.group === group);
  if (options.json === true) process.stdout.write(`${JSON.stringify(entries)}\n`);
  else {
    const colour = process.stdout.isTTY === true && process.stdout.hasColors();
    process.stdout.write(renderHistory(entries, colour));
  }
  return EXIT.good;
}

/** An entry a line, oldest first: when, what, why. */
export function renderHistory(entries: readonly HistoryEntry[], colour: boolean): string {
  if (entries.length === 0) return 'nothing has been decided yet\n';
  const rows = entries.map(({ at, from, to, text }) => {
    const important = to === 'active' || from === 'active' || from === 'closing';
    const shown = at.replace('T', ' ').replace('Z', '');
    return [shown, colour && important ? styleText('bold', text, { validateStream: false }) : text];
  });
  return `${alignColumns(rows)}\n`;
}
