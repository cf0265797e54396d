import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundleWorker } from '../../witness/serve/bundle.ts';
import { loadedLate } from './loaded-late.ts';
import { ownPlaces } from './own-places.ts';

/** Programs of their own: the command line, and the threads beside the engine. */
const ENTRIES = {
  tiebreak: 'agent/cli/tiebreak.ts',
  'checks-worker': 'agent/checks/worker.ts',
  'notify-worker': 'agent/notify/worker.ts',
  'floating-ip-worker': 'agent/floating-ip/worker.ts',
} as const;

/** What a bundle leaves to node_modules: native modules, and programs. */
export const EXTERNAL = ['koffi', 'raw-socket', 'workerd', 'wrangler'] as const;

/** The CommonJS modules among the bundled ones ask for Node's own modules by `require`. */
const BANNER = "import { createRequire as requireOf } from 'node:module';\nconst require = requireOf(import.meta.url);";

/**
 * Writes `lib/` (agent and command line), `witness/` (the Worker) and `package.json` below `into`. The modules stay apart where the
 * source loads them late: guardian, engine and each command go on loading no more than they need. Returns the folders of the
 * third-party modules that are in it.
 */
export async function bundle(
  top: string,
  into: string,
  manifest: Readonly<Record<string, unknown>>,
): Promise<string[]> {
  const { metafile } = await build({
    absWorkingDir: top,
    entryPoints: Object.entries(ENTRIES).map(([out, entry]) => ({ in: entry, out })),
    outdir: join(into, 'lib'),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    chunkNames: '[name]-[hash]',
    external: [...EXTERNAL],
    banner: { js: BANNER },
    // Names stay, so that a stack trace says where; the rest is read at each start.
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'eof',
    metafile: true,
    logLevel: 'warning',
    plugins: [
      ownPlaces(top),
      loadedLate(),
      {
        name: 'built-worker',
        setup({ onResolve }) {
          onResolve({ filter: /^\.\/bundle\.ts$/ }, ({ resolveDir }) =>
            resolveDir === join(top, 'witness/serve') ? { path: join(top, 'packaging/bundle/built-worker.ts') } : null,
          );
        },
      },
    ],
  });
  const witness = join(into, 'witness');
  await mkdir(witness, { recursive: true });
  await bundleWorker(witness);
  await copyFile(join(top, 'wrangler.toml'), join(witness, 'wrangler.toml'));
  await writeFile(join(into, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  return modulesOf(Object.keys(metafile.inputs)).map((module) => join(top, module));
}

/** `node_modules/@scope/name`, of paths below it; also where one module has another for itself. */
function modulesOf(paths: readonly string[]): string[] {
  const folders = paths.flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(path)?.[0] ?? []);
  return [...new Set(folders)].sort();
}
