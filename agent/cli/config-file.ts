import { readFileSync } from 'node:fs';
import { type Config, type ConfigProblem, formatProblem, loadConfig } from '../config/index.ts';
import { describeFileError } from '../failure-text.ts';

export type ReadConfig = { readonly config: Config; readonly warnings: readonly ConfigProblem[] };

/** The configuration in `file`; or undefined, after stderr has been told what is wrong where. */
export function readConfigFile(file: string): ReadConfig | undefined {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  } catch (error) {
    const reason = error instanceof TypeError ? 'is not UTF-8 text' : describeFileError(error);
    process.stderr.write(`tiebreak: ${file}: ${reason}\n`);
    return undefined;
  }
  const loaded = loadConfig(text, file);
  if (loaded.ok) return loaded;
  const { length } = loaded.problems;
  for (const problem of loaded.problems) process.stderr.write(`${formatProblem(problem)}\n`);
  process.stderr.write(`tiebreak: ${file} has ${length} ${length === 1 ? 'problem' : 'problems'}\n`);
  return undefined;
}
