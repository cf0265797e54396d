import { defineConfig } from 'vitest/config';

// As the lab, with keepalived and tshark.
export default defineConfig({
  test: {
    name: 'interop',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    sequence: { groupOrder: 2 },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
