import { readFileSync } from 'node:fs';
import { type Config, type ConfigProblem, formatProblem, loadConfig } from '../config/index.ts';
import { describeFileError } from '../failure-text.ts';

export type ReadConfig = {
  readonly config: Config;
  readonly warnings: readonly ConfigProblem[];
  readonly text: string;
};

export type LoadedConfigFile =
  | ({ readonly ok: true } & ReadConfig)
  /** `problems`: lines for people, as `tiebreak check` says them. */
  | { readonly ok: false; readonly problems: string };

/** The configuration in `file`, or what is wrong where. `named`: how the problems call it, if it stands for another file. */
export function loadConfigFile(file: string, named = file): LoadedConfigFile {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const reason = error instanceof TypeError ? 'is not UTF-8 text' : describeFileError(error);
    return { ok: false, problems: `tiebreak: ${file}: ${reason}` };
  }
  const loaded = loadConfig(text, named);
  if (loaded.ok) return { ...loaded, text };
  const { length } = loaded.problems;
  const lines = loaded.problems.map(formatProblem);
  return {
    ok: false,
    problems: [...lines, `tiebreak: ${named} has ${length} ${length === 1 ? 'problem' : 'problems'}`].join('\n'),
  };
}

/** The configuration in `file`; or undefined, after stderr has been told what is wrong where. */
export function readConfigFile(file: string): ReadConfig | undefined {
  const loaded = loadConfigFile(file);
  if (loaded.ok) return loaded;
  process.stderr.write(`${loaded.problems}\n`);
  return undefined;
}
