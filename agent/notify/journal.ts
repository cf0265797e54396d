import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { GroupChange } from './change.ts';
import type { Queued } from './queue.ts';

const Line = z.union([
  z.object({ queued: GroupChange }),
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

/** What an earlier run left untold, oldest first. A line that was cut by a crash had not been acted upon. */
export function untold(journal: string): Queued[] {
  const waiting = new Map<string, Queued>();
  for (const text of journal.split('\n')) {
    const { data: line } = Line.safeParse(parseJson(text));
    if (line === undefined) continue;
    if ('queued' in line) waiting.set(line.queued.id, { change: line.queued, attempts: 0 });
    else if ('done' in line) waiting.delete(line.done);
    else {
      const known = waiting.get(line.attempt);
      if (known !== undefined) waiting.set(line.attempt, { ...known, attempts: known.attempts + 1 });
    }
  }
  return [...waiting.values()];
}

/** The same from the disk; none if there is no journal. undefined: it cannot be read. */
export function readJournal(path: string): Queued[] | undefined {
  try {
    return untold(readFileSync(path, 'utf8'));
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'ENOENT' ? [] : undefined;
  }
}

/** Removes the journals of receivers that are not configured any more; returns what they were never told. */
export function forgetOtherJournals(stateDir: string, receivers: readonly string[]): Queued[] {
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
