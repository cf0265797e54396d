import { readFileSync, renameSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HistoryEntry } from '@tiebreak/shared/wire';

/** Some thousands of entries; with the file before it, twice that is kept. */
const FILE_BYTES_MAX = 2_000_000;

export type OpenedHistoryFile = {
  readonly earlier: readonly HistoryEntry[];
  /** Written off the event loop, in order; a disk that fails is told to `onFailure`, and the entry is lost to the file. */
  readonly append: (entry: HistoryEntry) => void;
  /** Resolves when everything has been written. */
  readonly flush: () => Promise<void>;
};

/** `state_dir/history.jsonl`, an entry a line. What cannot be read is skipped: it is for people, no decision hangs on it. */
export function openHistoryFile(stateDir: string, onFailure: (text: string) => void): OpenedHistoryFile {
  const path = join(stateDir, 'history.jsonl');
  const before = `${path}.1`;
  const texts = [before, path].map(readText);
  let bytes = Buffer.byteLength(texts.at(-1) ?? '');
  let queue: Promise<void> = Promise.resolve();
  const write = async (line: string): Promise<void> => {
    try {
      if (bytes > FILE_BYTES_MAX) {
        renameSync(path, before);
        bytes = 0;
      }
      await appendFile(path, line, { mode: 0o600 });
      bytes += Buffer.byteLength(line);
    } catch (cause) {
      onFailure(`${path}: cannot be written: ${cause instanceof Error ? cause.message : cause}`);
    }
  };
  return {
    earlier: texts.flatMap((text) => text.split('\n').flatMap(parseLine)),
    append(entry) {
      const line = `${JSON.stringify(entry)}\n`;
      queue = queue.then(() => write(line));
    },
    flush: () => queue,
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

function parseLine(line: string): HistoryEntry[] {
  if (line === '') return [];
  try {
    const parsed = HistoryEntry.safeParse(JSON.parse(line));
    return parsed.success ? [parsed.data] : [];
  } catch {
    return [];
  }
}
