import { defineConfig } from 'vitest/config';
import { FUNCTIONAL } from './vitest.functional.config.ts';

// Needs root and the tools of prerequisites.ts. One laboratory at a time, after the projects that load the processors:
// what is measured here is time.
export default defineConfig({
  test: {
    name: 'lab',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    exclude: FUNCTIONAL,
    pool: 'forks',
    fileParallelism: false,
    sequence: { groupOrder: 1 },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
