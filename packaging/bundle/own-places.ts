import { readFile } from 'node:fs/promises';
import { dirname, relative, resolve } from 'node:path';
import type { Plugin } from 'esbuild';

/** What modules look for beside themselves, by its place in the repository, and where a package has it, seen from `lib/`. */
const PLACES: ReadonlyMap<string, string> = new Map([
  ['agent/package.json', '../package.json'],
  ['agent/checks/worker.ts', './checks-worker.js'],
  ['agent/notify/worker.ts', './notify-worker.js'],
  ['agent/floating-ip/worker.ts', './floating-ip-worker.js'],
  ['witness/index.ts', '../witness/witness.js'],
  ['wrangler.toml', '../witness/wrangler.toml'],
  // Never asked for: a package has no types to strip.
  ['node_modules/.cache/tiebreak', '../.cache'],
]);

/** `new URL('x', import.meta.url)` of each module that goes into a bundle leads to where the package has it. */
export function ownPlaces(top: string): Plugin {
  return {
    name: 'own-places',
    setup(build) {
      build.onLoad({ filter: /\.tsx?$/ }, async ({ path }) => {
        if (path.includes('/node_modules/')) return undefined;
        const source = await readFile(path, 'utf8');
        return { contents: withPlaces(source, path, top), loader: path.endsWith('x') ? 'tsx' : 'ts' };
      });
    },
  };
}

/** Throws for a place that a package does not have. */
export function withPlaces(source: string, path: string, top: string): string {
  return source.replaceAll(/new URL\('([^']+)', import\.meta\.url\)/g, (_, target: string) => {
    const place = relative(top, resolve(dirname(path), target));
    const packaged = PLACES.get(place);
    if (packaged === undefined)
      throw new Error(`${path} looks for ${place}: say in own-places.ts where a package has it`);
    return `new URL('${packaged}', import.meta.url)`;
  });
}
