import { parseArgs } from 'node:util';
import { isLogLevel, type LogLevel } from '../log/levels.ts';

export type RunArguments = {
  readonly command: 'run' | 'engine';
  readonly config: string;
  readonly logLevel: LogLevel;
  /** How often the engine has crashed lately. */
  readonly recentCrashes: number;
  /** Where the engine before this one has left the text of the configuration that it went by. */
  readonly inForce?: string | undefined;
};

/**
 * The few arguments of the agent's two processes, which live long and load no more than they need. undefined: it is
 * another command, or there is something to say about it, and the command line proper does that.
 */
export function parseRunArguments(
  args: readonly string[],
  environment: { readonly TIEBREAK_LOG_LEVEL?: string | undefined },
): RunArguments | undefined {
  const [command, ...rest] = args;
  if (command !== 'run' && command !== 'engine') return undefined;
  const values = parsed(rest);
  if (values === undefined) return undefined;
  const { config, 'log-level': logLevel = environment.TIEBREAK_LOG_LEVEL ?? 'info' } = values;
  const crashes = values['recent-crashes'] ?? '0';
  if (config === undefined || !isLogLevel(logLevel)) return undefined;
  const { 'in-force': inForce } = values;
  if (command === 'run' && (values['recent-crashes'] ?? inForce) !== undefined) return undefined;
  if (!/^\d{1,6}$/.test(crashes)) return undefined;
  return { command, config, logLevel, recentCrashes: Number(crashes), inForce };
}

function parsed(args: string[]) {
  try {
    const options = {
      config: { type: 'string', short: 'c' },
      'log-level': { type: 'string' },
      'recent-crashes': { type: 'string' },
      'in-force': { type: 'string' },
    } as const;
    return parseArgs({ args, options, strict: true }).values;
  } catch {
    return undefined;
  }
}
