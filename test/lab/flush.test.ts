import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { analyse } from './analysis.ts';
import { Laboratory } from './laboratory.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { other } from './system.ts';
import type { HostName } from './topology.ts';

// Other programs use nftables too, and some begin with `flush ruleset`.

const ELEMENTS = 100_000;

let lab: Laboratory;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  lab = await Laboratory.create('tiebreak');
  await lab.steady();
});
afterAll(() => lab?.close());

async function fenced(host: HostName): Promise<boolean> {
  const tables = await lab.topology.inside(host, 'nft', ['list', 'tables']);
  return tables.includes('netdev tiebreak') && tables.includes('inet tiebreak');
}

/** What the client sees while another program does something on the host, and for a second after it. */
async function during(act: () => Promise<unknown>): Promise<ReturnType<typeof analyse>> {
  const fromUs = lab.prober.nowUs() - 300_000;
  await act();
  await sleep(1_500);
  return analyse(lab.prober.between(fromUs, lab.prober.nowUs()));
}

const recreationsOf = (host: HostName): number =>
  lab.system.agents[host].log().split("removed the fence's nftables rules").length - 1;

test('a flush at the owner: the fence is back, the address has not moved, and hardly an echo is lost', async () => {
  const owner = await lab.steady();
  const seen = await during(() => lab.topology.inside(owner, 'nft', ['flush', 'ruleset']));
  console.log(`flush at the owner: ${seen.client.lost} of ${seen.client.sent} echoes lost`);
  expect(seen).toMatchObject({ twoOwnersMs: 0, moved: false });
  expect(seen.client.lost).toBeLessThan(0.02 * seen.client.sent);
  expect(await fenced(owner)).toBe(true);
  expect(recreationsOf(owner)).toBe(1);
  expect(await lab.steady()).toBe(owner);
});

test('a flush at the backup: the fence is back', async () => {
  const backup = other(await lab.steady());
  const seen = await during(() => lab.topology.inside(backup, 'nft', ['flush', 'ruleset']));
  expect(seen).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });
  expect(await fenced(backup)).toBe(true);
  expect(recreationsOf(backup)).toBe(1);
});

test('flush after flush at the owner moves nothing', async () => {
  const owner = await lab.steady();
  const seen = await during(async () => {
    for (let round = 0; round < 5; round += 1) {
      await lab.topology.inside(owner, 'nft', ['flush', 'ruleset']);
      await sleep(300);
    }
  });
  expect(seen, lab.logs()).toMatchObject({ twoOwnersMs: 0, moved: false });
  expect(await fenced(owner)).toBe(true);
});

test(`another program that loads ${ELEMENTS} set elements at the owner loses nothing`, async () => {
  const owner = await lab.steady();
  const elements = Array.from(
    { length: ELEMENTS },
    (_, index) => `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
  );
  const file = join(lab.topology.folder, 'elements.nft');
  writeFileSync(
    file,
    `add table inet other\nadd set inet other many { type ipv4_addr; }\nadd element inet other many { ${elements.join(', ')} }\n`,
  );
  const earlier = recreationsOf(owner);
  const seen = await during(() => lab.topology.inside(owner, 'nft', ['-f', file]));
  await lab.topology.inside(owner, 'nft', ['delete', 'table', 'inet', 'other']);
  expect(seen).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });
  expect(recreationsOf(owner)).toBe(earlier);
});
