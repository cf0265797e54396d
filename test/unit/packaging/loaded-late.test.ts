import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadedLate } from '../../../packaging/bundle/loaded-late.ts';

const TOP = join(import.meta.dirname, '../../..');
/** Counts how often undici's own first module is run. */
const COUNTED = /(undici\/index\.js"\([^)]*\) \{)/;

let folder: string;
let text: string;
let inputs: string[];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tiebreak-bundle-'));
  const { metafile, outputFiles } = await build({
    stdin: {
      contents: `import { createServer } from 'node:http';
        import { Agent } from 'undici';
        import { z } from 'zod';
        export const agentIsThere = () => typeof Agent === 'function';
        export { createServer, z };`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    metafile: true,
    write: false,
    plugins: [loadedLate()],
  });
  text = outputFiles[0]?.text ?? '';
  inputs = Object.keys(metafile.inputs);
});

afterAll(() => rm(folder, { recursive: true }));

async function imported(name: string, source: string) {
  const file = join(folder, name);
  await writeFile(file, source);
  return await import(file);
}

test('what a bundle imports of node:http is looked up when it is used', async () => {
  expect(text).toContain('process.getBuiltinModule("node:http")');
  expect(text).not.toMatch(/from "node:http"/);
  const bundle: unknown = await imported('http.mjs', text);
  expect(bundle).toMatchObject({ createServer: expect.any(Function), z: expect.anything() });
});

test('undici is loaded once, by whoever uses the first of its names', async () => {
  const counted = text.replace(COUNTED, '$1 globalThis.undiciLoads = (globalThis.undiciLoads ?? 0) + 1;');
  expect(counted).not.toBe(text);
  const loads = () => Reflect.get(globalThis, 'undiciLoads');
  const { agentIsThere } = await imported('undici.mjs', counted);
  expect(loads()).toBeUndefined();
  expect([agentIsThere(), agentIsThere()]).toEqual([true, true]);
  expect(loads()).toBe(1);
});

test('a bundle says nothing of the folder that it was built in', () => {
  expect(text).not.toContain(TOP);
  expect(inputs.filter((path) => path.startsWith('first-use:'))).toEqual(['first-use:undici']);
});

test('of the languages of zod one is in it', () => {
  const locales = inputs.filter((path) => path.includes('/zod/v4/locales/'));
  expect(locales.map((path) => path.split('/').at(-1)).sort()).toEqual(['en.js', 'index.js']);
});
