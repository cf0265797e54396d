import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { analyse } from './analysis.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { Prober } from './prober.ts';
import { type LabProcess, run, waitFor } from './process.ts';
import { NETWORK, Topology } from './topology.ts';

// Mode "vrrp", and the command line.

const BIN = fileURLToPath(new URL('../../agent/cli/tiebreak.ts', import.meta.url));
const ADDED = '10.77.0.101';
const SECOND = '10.77.0.110';

let topology: Topology;
let prober: Prober;
let file: string;
let agent: LabProcess;

beforeEach(async () => {
  requireTools(LAB_TOOLS);
  topology = await Topology.create();
  const folder = topology.folderOf('agent');
  file = join(folder, 'tiebreak.toml');
  const folders = `state_dir = "${join(folder, 'state')}"\nrun_dir = "${topology.runFolderOf('agent')}"`;
  writeFileSync(file, `node = "a"\n${folders}\n${group('edge', 33, NETWORK.virtualAddress)}`);
  prober = await Prober.start(topology);
  agent = topology.spawn('a', {
    command: process.execPath,
    args: [BIN, 'run', '--config', file],
    logFile: join(folder, 'log'),
  });
  await waitFor('the address is there', 30_000, async () => ((await addresses()).includes('.100/') ? true : undefined));
  await sleep(1_000);
});

afterEach(async () => {
  await prober?.stop();
  topology?.close();
});

function group(name: string, id: number, address: string): string {
  return `[[group]]
name = "${name}"
mode = "vrrp"
[[group.virtual_router]]
interface = "eth0"
virtual_router_id = ${id}
advertisement_interval = "1s"
addresses = ["${address}/24"]
`;
}

function addresses(): Promise<string> {
  return topology.inside('a', 'ip', ['-br', 'address', 'show', 'dev', 'eth0']);
}

function answers(address: string): Promise<boolean> {
  return topology.inside('client', 'ping', ['-c1', '-W1', address]).then(
    () => true,
    () => false,
  );
}

async function reloaded(change: (text: string) => string): Promise<string> {
  writeFileSync(file, change(readFileSync(file, 'utf8')));
  return run(process.execPath, [BIN, 'reload', '--config', file]);
}

test('an active virtual router goes over to other addresses and priorities, groups come and go, and nothing is lost', async () => {
  const fromUs = prober.nowUs();
  expect(await reloaded((text) => text.replace('"10.77.0.100/24"', `"10.77.0.100/24", "${ADDED}/24"`))).toContain(
    'changed: edge',
  );
  expect(await answers(ADDED)).toBe(true);
  await reloaded((text) => text.replace(`, "${ADDED}/24"`, '').replace('= 33', '= 33\npriority = 150'));
  expect(await addresses()).not.toContain(ADDED);
  expect(await reloaded((text) => `${text}${group('web', 34, SECOND)}`)).toContain('added: web');
  await waitFor('the second group answers', 20_000, async () => ((await answers(SECOND)) ? true : undefined));
  expect(await reloaded((text) => text.slice(0, text.lastIndexOf('[[group]]')))).toContain('removed: web');
  expect(await answers(SECOND)).toBe(false);
  const rules = await topology.inside('a', 'nft', ['list', 'ruleset']);
  for (const gone of [ADDED, SECOND]) expect(rules).not.toContain(gone);
  await sleep(2_000);
  const seen = analyse(prober.between(fromUs, prober.nowUs()));
  expect(seen).toMatchObject({ before: 'a', after: 'a', moved: false, client: { lost: 0 } });
  expect(agent.running).toBe(true);
});

test('the command exits with 2 and the reason, and nothing has changed', async () => {
  writeFileSync(file, readFileSync(file, 'utf8').replace('node = "a"', 'node = "c"'));
  const { status, stderr } = spawnSync(process.execPath, [BIN, 'reload', '--config', file], { encoding: 'utf8' });
  expect(stderr).toBe(
    'node cannot change while the agent runs: restart the agent on this node for it\nnothing was changed\n',
  );
  expect(status).toBe(2);
  expect(await addresses()).toContain('.100/');
});
