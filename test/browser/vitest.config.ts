import { defineConfig } from 'vitest/config';

/** The witness's pages in a real browser, against the real Worker in a local runtime and links as agents open them. */
export default defineConfig({
  test: {
    name: 'browser',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
