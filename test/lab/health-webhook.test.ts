import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNeverTwo, type HardeningLab, hardeningLab, watched } from './hardening.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO, other } from './system.ts';
import { CLUSTER, GROUP, tiebreakAgentOf } from './tiebreak.ts';
import type { HostName } from './topology.ts';
import { LocalWitness } from './witness.ts';

// What an outside monitor says to the witness of a service reaches the node, and the node does as its check says.

const CHECK = 'service';

let bench: HardeningLab;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  bench = await hardeningLab({ scenario: { ...DEFAULT_SCENARIO, pushCheck: CHECK } });
  await bench.lab.steady();
});
afterAll(() => bench?.lab.close());

function monitorSays(node: HostName, healthy: boolean): Promise<void> {
  const { witness } = bench.system;
  if (!(witness instanceof LocalWitness)) throw new Error('this laboratory has no witness of its own');
  return witness.reportHealth({ cluster: CLUSTER, group: GROUP, node }, CHECK, healthy);
}

test('a service that an outside monitor calls failed moves the group, at once and without two owners', async () => {
  const { lab, system } = bench;
  const owner = await lab.steady();
  const seen = await watched(lab, () => monitorSays(owner, false), 3_000);
  expectNeverTwo(seen, 2_000, () => lab.logs());
  expect(seen, lab.logs()).toMatchObject({ moved: true, before: owner, after: other(owner) });
  console.log(`moved by an outside monitor: the client lost ${seen.client.lost} of ${seen.client.sent} echoes`);
  await waitFor('the check is shown as failing', 2_000, async () => {
    const group = await tiebreakAgentOf(system, owner).group();
    return group?.checks.find(({ name }) => name === CHECK)?.state === 'failing' || undefined;
  });
  await monitorSays(owner, true);
  expect(await lab.steady()).toBe(other(owner));
});
