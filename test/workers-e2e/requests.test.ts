import { expect, test } from 'vitest';
import { throwRequests } from '../fuzz/witness/throw.ts';

const REQUESTS = 2_000;
const SEED = 20_261_129;

test('whatever is sent: no failure of its own, each refusal says why, and no vote changes', async () => {
  const { counts, findings } = await throwRequests({ requests: REQUESTS, seed: SEED, progress: () => {} });
  expect(findings.slice(0, 10)).toEqual([]);
  // Or nothing but the front door was tried: well-formed requests, refusals by name, by token, by size, by schema.
  for (const status of ['200', '400', '401', '403', '404', '413'])
    expect(counts.get(status), status).toBeGreaterThan(10);
});
