import { LAB_TOOLS, obstacles, type Tool } from './prerequisites.ts';
import type { System } from './system.ts';

/** One of the laboratory's programs, as `npm run` starts it. */
export type LabCommand<Options> = {
  /** What it calls itself in a sentence, and how it is typed. */
  readonly name: string;
  readonly script: string;
  readonly usage: string;
  /** undefined: only the usage was asked for. Throws what is wrong with the arguments. */
  readonly readOptions: (args: string[]) => Options | undefined;
  readonly tools: (options: Options) => readonly Tool[];
  /** An exit status instead of going on, where the program can do without what is missing. */
  readonly insteadOf?: (retry: string) => Promise<number> | number | undefined;
  /** Returns the exit status. */
  readonly run: (options: Options) => Promise<number>;
};

/** Exit status: what `run` returns; 1 it could not go on, 2 wrong usage or something is missing. */
export async function runLabCommand<Options>(command: LabCommand<Options>): Promise<number> {
  const args = process.argv.slice(2);
  let options: Options | undefined;
  try {
    options = command.readOptions(args);
  } catch (error) {
    console.error(`${textOf(error)}\n\n${command.usage}`);
    return 2;
  }
  if (options === undefined) {
    console.log(command.usage);
    return 0;
  }
  const retry = [command.script, ...(args.length === 0 ? [] : ['--', ...args])].join(' ');
  const instead = await command.insteadOf?.(retry);
  if (instead !== undefined) return instead;
  const missing = obstacles([...LAB_TOOLS, ...command.tools(options)], retry);
  if (missing.length > 0) {
    console.error(missing.join('\n'));
    return 2;
  }
  // The topology removes itself while the process ends, whatever ends it.
  process.once('SIGINT', () => endEarly(command.name, 130));
  process.once('SIGTERM', () => endEarly(command.name, 143));
  process.once('SIGHUP', () => process.exit(129));
  try {
    return await command.run(options);
  } catch (error) {
    console.error(`\nThe ${command.name} could not go on: ${textOf(error)}`);
    return 1;
  }
}

function endEarly(name: string, exitStatus: number): never {
  process.stderr.write(`\nEnded early; everything that the ${name} made is being removed.\n`);
  process.exit(exitStatus);
}

/** Throws for anything but one of the two systems. */
export function systemNamed(name: string): System['name'] {
  if (name === 'tiebreak' || name === 'keepalived') return name;
  throw new Error(`--system is tiebreak or keepalived, not '${name}'`);
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
