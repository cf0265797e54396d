import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DataLock, lockData } from './data-lock.ts';

const FORMAT = '1';

export type DataFolder = { readonly objects: string; readonly lock: DataLock };
export type OpenedData =
  | { readonly ok: true; readonly folder: DataFolder }
  | { readonly ok: false; readonly reason: string };

/** Makes the folder where there is none, and takes it for this process. What another version has written is left alone. */
export function openData(path: string): OpenedData {
  const objects = join(path, 'objects');
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const locked = lockData(path);
    if (!locked.ok) return locked;
    const problem = formatProblem(path);
    if (problem !== undefined) {
      locked.lock.release();
      return { ok: false, reason: problem };
    }
    writeFileSync(join(path, 'format'), `${FORMAT}\n`);
    mkdirSync(objects, { recursive: true, mode: 0o700 });
    return { ok: true, folder: { objects, lock: locked.lock } };
  } catch (error) {
    return { ok: false, reason: `${path} cannot be used: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** A witness that silently began anew would know no node's token any more. */
function formatProblem(path: string): string | undefined {
  const file = join(path, 'format');
  if (existsSync(file)) {
    const format = readFileSync(file, 'utf8').trim();
    if (format === FORMAT) return undefined;
    return `${path} was written by another version of the witness (format ${format}, this one knows ${FORMAT}): run that version, or restore a backup into an empty folder`;
  }
  const others = readdirSync(path).filter((name) => !name.startsWith('witness.lock'));
  if (others.length === 0) return undefined;
  return `${path} holds something else already (${others.slice(0, 3).join(', ')}): give the witness an empty folder`;
}
