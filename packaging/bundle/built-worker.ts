import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BUILT = fileURLToPath(new URL('../../witness/index.ts', import.meta.url));

/** In place of witness/serve/bundle.ts: a package has the Worker as one module already, and needs no bundler. */
export async function bundleWorker(folder: string): Promise<void> {
  await copyFile(BUILT, join(folder, 'witness.js'));
}
