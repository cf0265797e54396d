import type { Command } from 'commander';
import { chooseTarget, type TargetOptions, withTarget } from './agent-target.ts';
import { EXIT } from './exit-code.ts';
import { fail } from './fail.ts';
import { writeApi } from './local-api.ts';

/** A group that is gone departs first, which may take 5 s. */
const PATIENCE_MS = 15_000;

export function registerReload(program: Command): void {
  withTarget(program.command('reload'))
    .description(
      'have the agent go over to the configuration as its file is now, without a gap; exits 2 if it is refused',
    )
    .action(async (options: TargetOptions) => {
      process.exitCode = await reload(options);
    });
}

async function reload(options: TargetOptions): Promise<number> {
  const target = chooseTarget(options);
  if (target === undefined) return EXIT.usage;
  const answer = await writeApi(target, '/v1/reload', {}, PATIENCE_MS);
  if (answer.ok) {
    process.stdout.write(`${answer.text}\n`);
    return EXIT.good;
  }
  if (answer.refused === undefined) return fail(answer.error);
  process.stderr.write(`${answer.refused}\n`);
  return EXIT.usage;
}
