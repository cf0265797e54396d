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
      onResolve({ filter: /^undici$/ }, ({ kind, path, resolveDir }) =>
        kind === 'import-statement' ? { path, namespace: 'first-use', pluginData: resolveDir } : null,
      );
      onLoad({ filter: /.*/, namespace: 'first-use' }, ({ path, pluginData: resolveDir }) => ({
        contents: withGetters(path, resolveDir),
        loader: 'js',
        resolveDir,
      }));
      // Its messages in fifty languages, of which a person gets none: what is wrong is said in the configuration's own words.
      onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
        contents: "export { default as en } from './en.js';",
        loader: 'js',
      }));
    },
  };
}

/** A module with the names of the CommonJS module `name`, which is loaded when the first of them is read. */
function withGetters(name: string, from: string): string {
  const getters = Object.keys(createRequire(`${from}/`)(name)).map(
    (key) => `get ${JSON.stringify(key)}() { return require(${JSON.stringify(name)})[${JSON.stringify(key)}]; }`,
  );
  return `module.exports = { ${getters.join(', ')} };`;
}
