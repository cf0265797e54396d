import { type Command, Option } from 'commander';
import { LOG_LEVELS, type LogLevel } from '../log/levels.ts';
import { runProcess } from './run-process.ts';

/** `run` for people: its help, and what is wrong with its arguments. */
export function registerRun(program: Command): void {
  program
    .command('run')
    .description('run the agent in the foreground; it logs to stderr')
    .requiredOption('-c, --config <file>', 'the configuration')
    .addOption(
      new Option('--log-level <level>', 'how much to log')
        .choices(LOG_LEVELS)
        .default('info')
        .env('TIEBREAK_LOG_LEVEL'),
    )
    .action((options: { readonly config: string; readonly logLevel: LogLevel }) =>
      runProcess({ command: 'run', ...options, recentCrashes: 0 }),
    );
}
