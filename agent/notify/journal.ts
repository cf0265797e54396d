import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { StartedProgram } from '../program/index.ts';
import { GroupChange } from './change.ts';
import type { Queued } from './queue.ts';

const Line = z.union([
  z.object({ queued: GroupChange }),
  z.object({ program: StartedProgram, id: z.string() }),
  z.object({ attempt: z.string() }),
  z.object({ done: z.string() }),
]);

const ENDING = '.jsonl';

export function journalFolder(stateDir: string): string {
  return join(stateDir, 'notify');
}

export function journalPath(stateDir: string, receiver: string): string {
  return join(journalFolder(stateDir), `${receiver}${ENDING}`);
}

/** `program`: was being told of it when the earlier run ended. */
export type Untold = Queued & { readonly program?: StartedProgram };

/** What an earlier run left untold, oldest first. A line that was cut by a crash had not been acted upon. */
export function untold(journal: string): Untold[] {
  const waiting = new Map<string, Untold>();
  for (const text of journal.split('\n')) {
    const { data: line } = Line.safeParse(parseJson(text));
    if (line === undefined) continue;
    if ('queued' in line) waiting.set(line.queued.id, { change: line.queued, attempts: 0 });
    else if ('done' in line) waiting.delete(line.done);
    else if ('attempt' in line) {
      const { change, attempts } = waiting.get(line.attempt) ?? {};
      if (change !== undefined) waiting.set(line.attempt, { change, attempts: (attempts ?? 0) + 1 });
    } else {
      const known = waiting.get(line.id);
      if (known !== undefined) waiting.set(line.id, { ...known, program: line.program });
    }
  }
  return [...waiting.values()];
}

/** The same from the disk; none if there is no journal. undefined: it cannot be read. */
export function readJournal(path: string): Untold[] | undefined {
  try {
    return untold(readFileSync(path, 'utf8'));
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? [] : undefined;
  }
}

/** Removes the journals of receivers that are not configured any more; returns what they were never told. */
export function forgetOtherJournals(stateDir: string, receivers: readonly string[]): Untold[] {
  let names: string[];
  try {
    names = readdirSync(journalFolder(stateDir));
  } catch {
    return [];
  }
  const others = names.filter((name) => name.endsWith(ENDING) && !receivers.includes(name.slice(0, -ENDING.length)));
  return others.flatMap((name) => {
    const path = join(journalFolder(stateDir), name);
    const lost = readJournal(path) ?? [];
    try {
      rmSync(path, { force: true });
    } catch {
      // It is in nobody's way.
    }
    return lost;
  });
}
