import { defineConfig } from 'vitest/config';

// Needs root, debootstrap, systemd-nspawn and lintian. As the lab, after it: containers on the lab's network.
export default defineConfig({
  test: {
    name: 'package',
    root: import.meta.dirname,
    include: ['**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    sequence: { groupOrder: 6 },
    testTimeout: 120_000,
    // The first run makes a clean Debian.
    hookTimeout: 600_000,
  },
});
