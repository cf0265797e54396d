import { defineConfig } from 'vitest/config';

// The short form of `npm run bench`. As the lab, it needs root and measures time: alone.
export default defineConfig({
  test: {
    name: 'bench',
    root: import.meta.dirname,
    include: ['short/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    sequence: { groupOrder: 5 },
    hookTimeout: 400_000,
  },
});
