import { fileURLToPath } from 'node:url';
import { cloudflareTest } from '@cloudflare/vitest-plugin';
import { defineConfig } from 'vitest/config';

const top = fileURLToPath(new URL('../..', import.meta.url));

export default defineConfig({
  root: top,
  plugins: [
    cloudflareTest({
      wrangler: { configPath: `${top}wrangler.toml` },
      miniflare: { bindings: { TIEBREAK_ADMIN_TOKEN: 'the-admin-token-of-the-tests' } },
    }),
  ],
  // To evict an object that waits for a node's next word takes as long as that wait: 10 s.
  test: { name: 'workers', include: ['test/workers/**/*.test.ts'], testTimeout: 30_000 },
});
