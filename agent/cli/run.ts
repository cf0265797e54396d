import { type Command, Option } from 'commander';
import { LOG_LEVELS } from '../log/levels.ts';
import { EXIT } from './exit-code.ts';
import { guardianReport } from './guardian-report.ts';

type RunOptions = { readonly config: string; readonly logLevel: string };

/** `run` is the guardian, a small process; its child, the engine, is the agent proper. Each loads what it needs itself. */
export function registerRun(program: Command): void {
  withOptions(program.command('run'))
    .description('run the agent in the foreground; it logs to stderr')
    .action(async ({ config, logLevel }: RunOptions) => {
      process.title = 'tiebreak-guardian';
      const { guard } = await import('../guardian/index.ts');
      const code = await guard({
        script: process.argv[1] ?? '',
        args: ['engine', '--config', config, '--log-level', logLevel],
        report: guardianReport(logLevel),
      });
      process.exit(code);
    });
  withOptions(program.command('engine', { hidden: true })).action(async ({ config, logLevel }: RunOptions) => {
    process.title = 'tiebreak-engine';
    const { runEngine } = await import('./engine.ts');
    const code = await runEngine(config, logLevel);
    // The agent has stopped: nothing that it may have left open keeps the process. The log is written synchronously.
    process.exit(code ?? EXIT.failed);
  });
}

function withOptions(command: Command): Command {
  return command
    .requiredOption('-c, --config <file>', 'the configuration')
    .addOption(
      new Option('--log-level <level>', 'how much to log')
        .choices(LOG_LEVELS)
        .default('info')
        .env('TIEBREAK_LOG_LEVEL'),
    );
}
