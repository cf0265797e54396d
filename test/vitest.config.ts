import { defineConfig } from 'vitest/config';

/** One group after the other: what is measured on the wire must not share the machine with what merely computes. */
export default defineConfig({
  test: {
    reporters: ['default', new URL('closing-line.ts', import.meta.url).pathname],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['unit/**/*.test.ts'],
          root: import.meta.dirname,
          // Most files take less time than a process of their own would.
          isolate: false,
          testTimeout: 60_000,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          name: 'sim',
          include: ['sim/gate/*.test.ts'],
          root: import.meta.dirname,
          // Alone: it keeps every core at work by itself.
          sequence: { groupOrder: 3 },
        },
      },
      `${import.meta.dirname}/workers/vitest.config.ts`,
      `${import.meta.dirname}/workers-e2e/vitest.config.ts`,
      `${import.meta.dirname}/browser/vitest.config.ts`,
      `${import.meta.dirname}/lab/vitest.config.ts`,
      `${import.meta.dirname}/lab/vitest.functional.config.ts`,
      `${import.meta.dirname}/interop/vitest.config.ts`,
      `${import.meta.dirname}/package/vitest.config.ts`,
      `${import.meta.dirname}/bench/vitest.config.ts`,
    ],
  },
});
