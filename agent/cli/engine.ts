import { type Config, formatProblem, formatSecretProblem, loadSecrets, type Secrets } from '../config/index.ts';
import type { Guardian } from '../engine/index.ts';
import { createLogger, isLogLevel, type Logger } from '../log/index.ts';
import { readConfigFile } from './config-file.ts';
import { EXIT } from './exit-code.ts';
import { catchSignals } from './signals.ts';

/** Runs the agent in this process until it is stopped. Returns the exit code. */
export async function runEngine(file: string, level: string): Promise<number> {
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
  const { runAgent } = await import('../engine/index.ts');
  process.once('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug: ending at once; the fence closes by itself');
    process.exit(EXIT.failed);
  });
  const signals = catchSignals(log);
  const agent = await runAgent({ config, secrets, log, guardian: guardianOf(log) });
  if ('error' in agent) {
    log.fatal(agent.error);
    return EXIT.failed;
  }
  signals.onFirst((signal) => agent.stop(signal));
  return await agent.stopped;
}

/** The parent, if it has opened a channel to this process. */
function guardianOf(log: Logger): Guardian | undefined {
  if (!process.connected) return undefined;
  process.once('disconnect', () => {
    const text = 'the guardian has died: the engine goes on without it; should it die too, the fence closes by itself';
    log.error(`${text}. Restart the agent when a handover is convenient`);
  });
  return {
    pid: () => (process.connected ? process.ppid : null),
    prepare: (handover) => {
      if (process.connected) process.send?.(handover, undefined, undefined, () => {});
    },
  };
}
