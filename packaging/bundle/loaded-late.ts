import { createRequire } from 'node:module';
import type { Plugin } from 'esbuild';

/** Keeps out of a start what it has no use for. */
export function loadedLate(): Plugin {
  return {
    name: 'loaded-late',
    setup({ onLoad, onResolve }) {
      // An import of a built-in module reads every name in it, and some of theirs load others: WebCrypto, DNS promises, WebSocket.
      onResolve({ filter: /^(node:)?(crypto|dns|http)$/ }, ({ kind, path }) =>
        kind === 'import-statement' ? { path, namespace: 'builtin' } : null,
      );
      onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
        loader: 'js',
      }));
      // Only whoever asks for the first of its names needs it.
      onResolve({ filter: /^undici$/ }, ({ kind, resolveDir }) =>
        kind === 'import-statement'
          ? { path: createRequire(`${resolveDir}/`).resolve('undici'), namespace: 'first-use' }
          : null,
      );
      onLoad({ filter: /.*/, namespace: 'first-use' }, ({ path }) => ({
        contents: withGetters(path),
        loader: 'js',
        resolveDir: '/',
      }));
      // Its messages in fifty languages, of which a person gets none: what is wrong is said in the configuration's own words.
      onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
        contents: "export { default as en } from './en.js';",
        loader: 'js',
      }));
    },
  };
}

/** A module with the names of the CommonJS module at `path`, which is loaded when the first of them is read. */
function withGetters(path: string): string {
  const names = Object.keys(createRequire(path)(path));
  const getters = names.map(
    (name) => `get ${JSON.stringify(name)}() { return require(${JSON.stringify(path)})[${JSON.stringify(name)}]; }`,
  );
  return `module.exports = { ${getters.join(', ')} };`;
}
