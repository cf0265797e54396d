import { defineConfig } from 'vitest/config';
import { LONG_TESTS } from './vitest.config.ts';

/** The laboratory's tests that take minutes each: misfortunes of the witness, of stops and on the wire, and the fault table. */
export default defineConfig({
  test: {
    name: 'lab-long',
    root: import.meta.dirname,
    include: LONG_TESTS,
    reporters: ['default', new URL('../closing-line.ts', import.meta.url).pathname],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
