import { setTimeout as sleep } from 'node:timers/promises';
import { parseJson } from '@tiebreak/shared/wire';
import type { Command } from 'commander';
import { History } from '../api/index.ts';
import { chooseTarget, type TargetOptions, withReadTarget } from './agent-target.ts';
import { EXIT } from './exit-code.ts';
import { renderHistory } from './history.ts';
import { type ApiTarget, readApi } from './local-api.ts';
import { readStatus } from './status.ts';
import { renderStatus } from './status-text.ts';

const EVERY_MS = 500;
const DECISIONS_SHOWN = 5;
const HOME = '\u001b[H';
const CLEAR_BELOW = '\u001b[J';
const CLEAR_TO_END_OF_LINE = '\u001b[K';
const ALTERNATE_SCREEN_ON = '\u001b[?1049h\u001b[?25l';
const ALTERNATE_SCREEN_OFF = '\u001b[?25h\u001b[?1049l';

export function registerWatch(program: Command): void {
  withReadTarget(program.command('watch'))
    .description('show the status live, with the last decisions; ends with Ctrl-C')
    .action(async (options: TargetOptions) => {
      process.exitCode = await watch(options);
    });
}

async function watch(options: TargetOptions): Promise<number> {
  const target = chooseTarget(options);
  if (target === undefined) return EXIT.usage;
  const terminal = process.stdout.isTTY === true;
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => ended.abort());
  // A reader such as `head` has enough.
  process.stdout.once('error', () => ended.abort());
  if (terminal) process.stdout.write(ALTERNATE_SCREEN_ON);
  let former = '';
  try {
    while (!ended.signal.aborted) {
      const view = await viewOf(target, terminal && process.stdout.hasColors());
      if (terminal) process.stdout.write(fitted(view, process.stdout.rows));
      // Into a file or a pipe goes what has changed, ages apart.
      else if (withoutTimes(view) !== former) process.stdout.write(`${view}\n`);
      former = withoutTimes(view);
      await sleep(EVERY_MS, undefined, { signal: ended.signal }).catch(() => {});
    }
  } finally {
    if (terminal) process.stdout.write(ALTERNATE_SCREEN_OFF);
  }
  return EXIT.good;
}

/** An agent that does not answer is news as well, and may be back. */
async function viewOf(target: ApiTarget, colour: boolean): Promise<string> {
  const read = await readStatus(target);
  if (!read.ok) return `${read.error}\n`;
  const history = await readApi(target, '/v1/history');
  const parsed = history.ok ? History.safeParse(parseJson(history.text)) : undefined;
  const last = parsed?.success === true ? parsed.data.slice(-DECISIONS_SHOWN) : [];
  return `${renderStatus(read.status, { now: Date.now(), colour })}\n${last.length === 0 ? '' : renderHistory(last, colour)}`;
}

/** Written over the former view without a flicker; what does not fit on the screen is left out. */
export function fitted(view: string, rows: number): string {
  const lines = view.trimEnd().split('\n');
  const shown = lines.length < rows ? lines : [...lines.slice(0, rows - 2), `(${lines.length - rows + 2} lines more)`];
  return `${HOME}${shown.map((line) => `${line}${CLEAR_TO_END_OF_LINE}\n`).join('')}${CLEAR_BELOW}`;
}

function withoutTimes(view: string): string {
  return view.replace(/\d+(?:\.\d+)? (?:ms|s|min|h|d)\b/g, '').replace(/ +/g, ' ');
}
