import { cp, glob, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** What an installed module needs when it is loaded, without what it was built from; below node_modules. */
export const NATIVE_MODULES = [
  'koffi/{package.json,index.js,src/koffi/{index.js,src/static.js}}',
  '@koromix/koffi-linux-*/{package.json,index.js,linux_*/koffi.node}',
  'raw-socket/{package.json,index.js,build/Release/raw.node}',
];
export const RUNTIME_MODULES = [
  'workerd/{package.json,lib/main.js}',
  '@cloudflare/workerd-linux-*/{package.json,bin/workerd}',
];

/** Copies them. The modules' folders. */
export async function copyModules(top: string, patterns: readonly string[], into: string): Promise<string[]> {
  const from = join(top, 'node_modules');
  const folders = new Set<string>();
  for (const pattern of patterns) {
    const before = folders.size;
    for await (const file of glob(pattern, { cwd: from })) {
      await mkdir(dirname(join(into, file)), { recursive: true });
      await cp(join(from, file), join(into, file));
      if (file.endsWith('package.json')) folders.add(join(from, dirname(file)));
    }
    if (folders.size === before) throw new Error(`node_modules has no ${pattern}: type npm ci`);
  }
  return [...folders];
}
