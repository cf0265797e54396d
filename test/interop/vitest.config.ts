import { defineConfig } from 'vitest/config';

// As the lab, with keepalived and tshark, and two at a time: most of it is waiting.
export default defineConfig({
  test: {
    name: 'interop',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    sequence: { groupOrder: 2 },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
