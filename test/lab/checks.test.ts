import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { expectNeverTwo, type HardeningLab, hardeningLab, watched } from './hardening.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO, other } from './system.ts';
import { tiebreakAgentOf } from './tiebreak.ts';
import type { HostName } from './topology.ts';

// What the agent finds by its own looks at a service; beside it a look that hangs for good.

let folder: string;
let bench: HardeningLab;

beforeAll(async () => {
  requireTools(LAB_TOOLS);
  folder = mkdtempSync(join(tmpdir(), 'tb-lab-checks-'));
  for (const host of ['a', 'b'] as const) serve(host);
  bench = await hardeningLab({ scenario: { ...DEFAULT_SCENARIO, checks } });
  await bench.lab.steady();
});
afterAll(async () => {
  await bench?.lab.close();
  rmSync(folder, { recursive: true, force: true });
});

function sign(host: HostName): string {
  return join(folder, `served-by-${host}`);
}

function serve(host: HostName): void {
  writeFileSync(sign(host), '');
}

function stop(host: HostName): void {
  rmSync(sign(host));
}

function checks(host: HostName): string {
  return `
[[group.check]]
name = "command"
command = ["/usr/bin/test", "-e", "${sign(host)}"]
interval = "200ms"
[[group.check]]
name = "hangs"
command = ["/bin/sleep", "60"]
timeout = "1m"
[[group.check]]
name = "file"
file = "${sign(host)}"
interval = "500ms"
fall = 3
`;
}

test('a service that has failed moves the group; once it serves again, the node may have it back', async () => {
  const { lab, system } = bench;
  const owner = await lab.steady();
  const peer = other(owner);
  const first = await watched(lab, async () => stop(owner), 3_000);
  expectNeverTwo(first, 2_000, () => lab.logs());
  expect(first, lab.logs()).toMatchObject({ moved: true, before: owner, after: peer });
  await waitFor('both checks are shown as failing', 3_000, async () => {
    const group = await tiebreakAgentOf(system, owner).group();
    const failing = group?.checks.filter(({ state }) => state === 'failing').map(({ name, kind }) => `${name} ${kind}`);
    return failing?.join() === 'command command,file file' || undefined;
  });
  serve(owner);
  await waitFor('both pass again', 3_000, async () => {
    const group = await tiebreakAgentOf(system, owner).group();
    return group?.checks.filter(({ state }) => state === 'passing').length === 2 || undefined;
  });
  expect(await lab.steady()).toBe(peer);
  const back = await watched(lab, async () => stop(peer), 3_000);
  expectNeverTwo(back, 2_000, () => lab.logs());
  expect(back, lab.logs()).toMatchObject({ moved: true, before: peer, after: owner });
  console.log(`moved by a check: the client lost ${back.client.lost} of ${back.client.sent} echoes`);
});
