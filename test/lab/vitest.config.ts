import { configDefaults, defineConfig } from 'vitest/config';

/** What takes too long for every run of the tests: `npm run test:long` (long.vitest.config.ts). */
export const LONG_TESTS = [
  'hardening-packets.test.ts',
  'hardening-stops.test.ts',
  'hardening-witness.test.ts',
  'table.test.ts',
];

// Needs root and the tools of prerequisites.ts. One laboratory at a time, after the projects that load the processors:
// what is measured here is time.
export default defineConfig({
  test: {
    name: 'lab',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...LONG_TESTS],
    pool: 'forks',
    fileParallelism: false,
    sequence: { groupOrder: 1 },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
