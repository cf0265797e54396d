import { parseJson } from '@tiebreak/shared/wire';
import type { Command } from 'commander';
import { Status } from '../api/index.ts';
import { chooseTarget, type TargetOptions, withReadTarget } from './agent-target.ts';
import { EXIT } from './exit-code.ts';
import { fail } from './fail.ts';
import { type ApiTarget, readApi } from './local-api.ts';
import { renderStatus } from './status-text.ts';

type StatusOptions = TargetOptions & { readonly json?: true };

export function registerStatus(program: Command): void {
  withReadTarget(program.command('status'))
    .description('show who owns what, and how sure that is')
    .option('--json', 'print the status as the API gives it')
    .action(async (options: StatusOptions) => {
      process.exitCode = await status(options);
    });
}

async function status(options: StatusOptions): Promise<number> {
  const target = chooseTarget(options);
  if (target === undefined) return EXIT.usage;
  if (options.json === true) {
    const answer = await readApi(target, '/v1/status');
    if (!answer.ok) return fail(answer.error);
    process.stdout.write(`${answer.text.trimEnd()}\n`);
    return EXIT.good;
  }
  const read = await readStatus(target);
  if (!read.ok) return fail(read.error);
  const colour = process.stdout.isTTY === true && process.stdout.hasColors();
  process.stdout.write(renderStatus(read.status, { now: Date.now(), colour }));
  return EXIT.good;
}

type ReadStatus = { readonly ok: true; readonly status: Status } | { readonly ok: false; readonly error: string };

/** The status of the agent at `target`; otherwise what went wrong, for a person. */
export async function readStatus(target: ApiTarget): Promise<ReadStatus> {
  const answer = await readApi(target, '/v1/status');
  if (!answer.ok) return answer;
  const parsed = Status.safeParse(parseJson(answer.text));
  if (parsed.success) return { ok: true, status: parsed.data };
  return { ok: false, error: 'the answer is not a status that this version understands; try --json' };
}
