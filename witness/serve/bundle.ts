import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ENTRY = fileURLToPath(new URL('../index.ts', import.meta.url));

/** What `wrangler deploy` uploads, for a runtime of one's own: one ES module at `folder/witness.js`. */
export async function bundleWorker(folder: string, entry = ENTRY): Promise<void> {
  await build({
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    target: 'esnext',
    platform: 'browser',
    conditions: ['workerd', 'worker', 'browser'],
    external: ['cloudflare:*', 'node:*'],
    outfile: join(folder, 'witness.js'),
    logLevel: 'silent',
  });
}
