import { type Config, formatProblem, formatSecretProblem, loadSecrets, type Secrets } from '../config/index.ts';
import type { ConfigurationSource, Guardian, ReadConfiguration } from '../engine/index.ts';
import type { Handover, Progress } from '../guardian/index.ts';
import { createLogger, type Logger, type LogLevel } from '../log/index.ts';
import { openServiceManager, type ServiceManager } from '../service-manager/index.ts';
import { loadConfigFile } from './config-file.ts';
import { endAtOnce } from './end-at-once.ts';
import { EXIT } from './exit-code.ts';
import { catchSignals } from './signals.ts';

export type EngineOptions = {
  /** The configuration. */
  readonly file: string;
  /** A copy of it that a crashed engine went by, and this one goes on with; undefined: the file itself. */
  readonly inForce?: string | undefined;
  readonly level: LogLevel;
  /** How often an engine has crashed lately. */
  readonly recentCrashes: number;
};

/** Runs the agent in this process until it is stopped. Returns the exit code. */
export async function runEngine({ file, inForce, level, recentCrashes }: EngineOptions): Promise<number> {
  const read = readConfiguration(inForce ?? file, file);
  if (!read.ok) {
    process.stderr.write(`${read.problems}\n`);
    return EXIT.usage;
  }
  const log = createLogger(level);
  if (inForce !== undefined) log.warn(`goes by the configuration that was in force, as ${inForce} has it`);
  for (const warning of read.warnings) log.warn(warning);
  const source = { text: read.text, read: () => readConfiguration(file, file) };
  return runUntilStopped({ ...read.setting, source, log, recentCrashes });
}

/** `tiebreak check` says the same of the same file; but here every key and token must be there. */
function readConfiguration(file: string, named: string): ReadConfiguration {
  const loaded = loadConfigFile(file, named);
  if (!loaded.ok) return loaded;
  const { config, text, warnings } = loaded;
  const secrets = loadSecrets(config);
  if (!secrets.ok) return { ok: false, problems: secrets.problems.map(formatSecretProblem).join('\n') };
  return { ok: true, setting: { config, secrets: secrets.secrets }, text, warnings: warnings.map(formatProblem) };
}

type Loaded = {
  readonly config: Config;
  readonly secrets: Secrets;
  readonly source: ConfigurationSource;
  readonly log: Logger;
  readonly recentCrashes: number;
};

async function runUntilStopped(loaded: Loaded): Promise<number> {
  const { log } = loaded;
  const { runAgent } = await import('../engine/index.ts');
  process.once('uncaughtException', (error) => {
    log.fatal({ err: error }, 'a bug: ending at once; the fence closes by itself');
    endAtOnce();
  });
  const signals = catchSignals(log);
  const agent = await runAgent({ ...loaded, guardian: guardianOf(log), serviceManager: serviceManagerOf(log) });
  if ('error' in agent) {
    log.fatal(agent.error);
    return EXIT.failed;
  }
  signals.onFirst((signal) => agent.stop(signal));
  signals.onReload(() => agent.reload());
  return await agent.stopped;
}

/** The parent, if it has opened a channel to this process. */
function guardianOf(log: Logger): Guardian | undefined {
  if (!process.connected) return undefined;
  process.once('disconnect', () => {
    const text = 'the guardian has died: the engine goes on without it; should it die too, the fence closes by itself';
    log.error(`${text}. Restart the agent when a handover is convenient`);
  });
  const tell = (message: Handover | Progress): void => {
    if (process.connected) process.send?.(message, undefined, undefined, () => {});
  };
  return {
    pid: () => (process.connected ? process.ppid : null),
    prepare: tell,
    progress: () => tell({ type: 'progress' }),
  };
}

/** The guardian is the service's main process, and its engine speaks for both. */
function serviceManagerOf(log: Logger): ServiceManager | undefined {
  const opened = openServiceManager(process.env, [process.pid, process.ppid]);
  // What this process starts is not to speak in its name.
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete process.env[name];
  if (typeof opened !== 'string') return opened;
  log.warn(opened);
  return undefined;
}
