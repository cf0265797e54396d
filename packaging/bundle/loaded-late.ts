import type { Plugin } from 'esbuild';

/** Keeps out of a start what it has no use for. */
export function loadedLate(): Plugin {
  return {
    name: 'loaded-late',
    setup({ onLoad, onResolve }) {
      // An import of the built-in module reads every name in it, and one of them loads the WebSocket of Node.js.
      onResolve({ filter: /^(node:)?http$/ }, ({ kind }) =>
        kind === 'import-statement' ? { path: 'node:http', namespace: 'builtin' } : null,
      );
      onLoad({ filter: /.*/, namespace: 'builtin' }, ({ path }) => ({
        contents: `module.exports = process.getBuiltinModule(${JSON.stringify(path)});`,
        loader: 'js',
      }));
      // Its messages in fifty languages, of which a person gets none: what is wrong is said in the configuration's own words.
      onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({
        contents: "export { default as en } from './en.js';",
        loader: 'js',
      }));
    },
  };
}
