import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isCount, isObject } from './json.ts';
import { replaceFile } from './replace-file.ts';
import { above, RESERVE } from './reserve.ts';

/**
 * Reads what an agent that has died has reserved of its groups' ballots, and returns whether one may be used in its place
 * (L10); that blocks for a write if the ballot lies beyond the reserve. Whatever else the file holds is left as it is.
 */
export function ballotsOfDeadAgent(stateDir: string): (group: string, counter: number) => boolean {
  const path = join(stateDir, 'agent.json');
  let content = readObject(path);
  return (group, counter) => {
    const ceilings = content?.ballot_ceilings;
    if (!isObject(ceilings) || content?.version !== 1 || counter > Number.MAX_SAFE_INTEGER - RESERVE) return false;
    const ceiling = ceilings[group] ?? 0;
    if (!isCount(ceiling)) return false;
    if (counter <= ceiling) return true;
    const raised = { ...content, ballot_ceilings: { ...ceilings, [group]: above(counter) } };
    try {
      replaceFile(path, `${JSON.stringify(raised, null, 2)}\n`);
    } catch {
      return false;
    }
    content = raised;
    return true;
  };
}

function readObject(path: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
