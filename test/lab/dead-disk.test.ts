import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO } from './system.ts';
import { TiebreakAgent, VIRTUAL_ROUTER_DEFAULTS } from './tiebreak.ts';
import { Topology } from './topology.ts';

// What waits for a file that never answers: a FIFO that nobody reads stands for a dead file system.

let topology: Topology;
let agent: TiebreakAgent;
beforeEach(async () => {
  requireTools(LAB_TOOLS);
  topology = await Topology.create();
  const scenario = { ...DEFAULT_SCENARIO, checks: () => '[[group.notify]]\ncommand = ["/bin/true"]\n' };
  agent = new TiebreakAgent(topology, 'a', scenario, VIRTUAL_ROUTER_DEFAULTS, undefined);
});
afterEach(() => topology?.close());

test('an agent whose thread of the notifications hangs owns all the same, ends within its time, and says which thread it was', async () => {
  await agent.start();
  await agent.enginePid();
  const folder = topology.folderOf('tiebreak-a', 'state', 'notify');
  const journal = await waitFor('the journal is there', 10_000, async () => readdirSync(folder)[0]);
  await agent.terminate();
  rmSync(join(folder, journal));
  execFileSync('mkfifo', [join(folder, journal)]);

  await agent.start();
  await waitFor('it owns', 15_000, async () => ((await agent.group())?.role === 'active' ? true : undefined));
  agent.askToStop();
  await waitFor('it ends', 9_000, async () => (agent.running ? undefined : true));
  expect(agent.log()).toContain('the thread of the notifications does not end');
  expect(agent.log()).not.toContain('while it was being stopped');
});
