import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces a small file as a whole: after a crash there is either the old content or the new, never a mixture. Throws. */
export function replaceFile(path: string, text: string): void {
  const fresh = `${path}.new`;
  const file = openSync(fresh, 'w', 0o600);
  try {
    // Not writeSync: a disk that is nearly full takes a part of the text without an error.
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  const directory = openSync(dirname(path), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/**
 * The same without holding up the event loop. False: `stillNewest` said no before the file was replaced, so it was not.
 * Not to be called again while one call is under way.
 */
export async function replaceFileInBackground(
  path: string,
  text: string,
  stillNewest: () => boolean,
): Promise<boolean> {
  const fresh = `${path}.newer`;
  const file = await open(fresh, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  if (!stillNewest()) return false;
  // Synchronous, so that nothing can come between the question and the deed; it touches no data.
  renameSync(fresh, path);
  const directory = await open(dirname(path), 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
  return true;
}
