import { defineConfig } from 'vitest/config';

/** The agent's link against the real Worker in a local runtime. */
export default defineConfig({
  test: {
    name: 'workers-e2e',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    // What runs here runs in Node as it is: a default import is what Node makes of it.
    deps: { interopDefault: false },
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
