import { existsSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** They ask what happens, not when: a laboratory beside them does not change the answer. */
export const FUNCTIONAL = [
  'advertisement-hmac.test.ts',
  'announce.test.ts',
  'agent-start.test.ts',
  'checks.test.ts',
  'dead-disk.test.ts',
  'doctor.test.ts',
  'fence/accept.test.ts',
  'fence/blocks.test.ts',
  'fence/gateway.test.ts',
  'fence/install.test.ts',
  'fence/ipv6.test.ts',
  'fence/virtual-mac.test.ts',
  'hardening-clients.test.ts',
  'hardening-stops.test.ts',
  'hardening-witness.test.ts',
  'health-webhook.test.ts',
  'keepalived-control.test.ts',
  'kernel/announce.test.ts',
  'kernel/rtnetlink.test.ts',
  'kernel/vrrp-socket.test.ts',
  'local-checks.test.ts',
  'metrics.test.ts',
  'notify.test.ts',
  'plain-fence.test.ts',
  'plain-witness.test.ts',
  'policies.test.ts',
  'relay.test.ts',
  'reload-identity.test.ts',
  'reload-plain.test.ts',
  'reload.test.ts',
  'restart.test.ts',
  'routes.test.ts',
  'topology.test.ts',
  'tutorial.test.ts',
].filter((file) => {
  if (existsSync(`${import.meta.dirname}/${file}`)) return true;
  throw new Error(`${import.meta.filename} names ${file}, which is not there`);
});

// As the lab, and two at a time: most of it is waiting.
export default defineConfig({
  test: {
    name: 'lab-functional',
    root: import.meta.dirname,
    include: FUNCTIONAL,
    pool: 'forks',
    maxWorkers: 2,
    sequence: { groupOrder: 4 },
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
