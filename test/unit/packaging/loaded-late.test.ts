import { build } from 'esbuild';
import { beforeAll, expect, test } from 'vitest';
import { loadedLate } from '../../../packaging/bundle/loaded-late.ts';

let text: string;
let inputs: string[];

beforeAll(async () => {
  const { metafile, outputFiles } = await build({
    stdin: {
      contents: "import { createServer } from 'node:http'; import { z } from 'zod'; export { createServer, z };",
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    metafile: true,
    write: false,
    plugins: [loadedLate()],
  });
  text = outputFiles[0]?.text ?? '';
  inputs = Object.keys(metafile.inputs);
});

test('what a bundle imports of node:http is looked up when it is used', async () => {
  expect(text).toContain('process.getBuiltinModule("node:http")');
  expect(text).not.toMatch(/from "node:http"/);
  const bundle: unknown = await import(`data:text/javascript,${encodeURIComponent(text)}`);
  expect(bundle).toMatchObject({ createServer: expect.any(Function), z: expect.anything() });
});

test('of the languages of zod one is in it', () => {
  const locales = inputs.filter((path) => path.includes('/zod/v4/locales/'));
  expect(locales.map((path) => path.split('/').at(-1)).sort()).toEqual(['en.js', 'index.js']);
});
