import { type Command, Option } from 'commander';
import { type Config, formatProblem, formatSecretProblem, loadSecrets, type Secrets } from '../config/index.ts';
import { createLogger, isLogLevel, LOG_LEVELS, type Logger } from '../log/index.ts';
import { readConfigFile } from './config-file.ts';
import { EXIT } from './exit-code.ts';
import { catchSignals } from './signals.ts';

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
    .action(async ({ config, logLevel }: { config: string; logLevel: string }) => {
      const code = await run(config, logLevel);
      // The agent has stopped: nothing that it may have left open keeps the process. The log is written synchronously.
      process.exit(code);
    });
}

async function run(file: string, level: string): Promise<number> {
  const read = readConfigFile(file);
  if (read === undefined) return EXIT.usage;
  const loaded = loadSecrets(read.config);
  if (!loaded.ok) {
    for (const problem of loaded.problems) process.stderr.write(`${formatSecretProblem(problem)}\n`);
    return EXIT.usage;
  }
  const log = createLogger(isLogLevel(level) ? level : 'info');
  for (const warning of read.warnings) log.warn(formatProblem(warning));
  return runUntilStopped(read.config, loaded.secrets, log);
}

async function runUntilStopped(config: Config, secrets: Secrets, log: Logger): Promise<number> {
  // Only here: the engine brings native modules along, which `check` and `status` can do without.
  const { runAgent } = await import('../engine/index.ts');
  process.once('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug: ending at once; the fence closes by itself');
    process.exit(EXIT.failed);
  });
  const signals = catchSignals(log);
  const agent = await runAgent({ config, secrets, log });
  if ('error' in agent) {
    log.fatal(agent.error);
    return EXIT.failed;
  }
  signals.onFirst((signal) => agent.stop(signal));
  return await agent.stopped;
}
