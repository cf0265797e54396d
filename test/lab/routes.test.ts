import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import type { LabProcess } from './process.ts';
import { NETWORK, Topology } from './topology.ts';

// The routes of a virtual router come and go with its addresses.

const AGENT_SCRIPT = fileURLToPath(new URL('../../agent/cli/tiebreak.ts', import.meta.url));
const NETWORK_BEYOND = '203.0.113.0/24';
const OURS = '112';

let topology: Topology;
let folder: string;

beforeEach(async () => {
  requireTools(LAB_TOOLS);
  topology = await Topology.create();
  folder = topology.folderOf('agent');
  const beyond = `to = "${NETWORK_BEYOND}", via = "${NETWORK.hosts.b.lan}"`;
  writeFileSync(
    join(folder, 'tiebreak.toml'),
    `
node = "a"
state_dir = "${folder}/state"
run_dir = "${folder}/run"

[[group]]
name = "edge"
mode = "vrrp"

[[group.virtual_router]]
interface = "eth0"
virtual_router_id = 33
priority = 200
advertisement_interval = "100ms"
addresses = ["${NETWORK.virtualAddress}/24"]
routes = [
  { ${beyond}, source = "${NETWORK.virtualAddress}", metric = 50 },
  { to = "0.0.0.0/0", via = "${NETWORK.hosts.b.lan}", table = 1000 },
]
`,
  );
});
afterEach(() => topology.close());

function startAgent(): LabProcess {
  const args = [AGENT_SCRIPT, 'run', '--config', join(folder, 'tiebreak.toml')];
  return topology.spawn('a', { command: process.execPath, args, logFile: join(folder, 'log') });
}

/** What `ip` shows of the routes with our mark. */
async function routes(): Promise<string> {
  return topology.inside('a', 'ip', ['route', 'show', 'table', 'all', 'proto', OURS]);
}

async function until(expected: (shown: string) => boolean): Promise<void> {
  const log = () => readFileSync(join(folder, 'log'), 'utf8');
  await expect.poll(async () => expected(await routes()), { timeout: 15_000, interval: 50, message: log() }).toBe(true);
}

const both = (shown: string): boolean =>
  shown.includes(`${NETWORK_BEYOND} via ${NETWORK.hosts.b.lan} dev eth0`) &&
  shown.includes(`src ${NETWORK.virtualAddress} metric 50`) &&
  shown.includes(`default via ${NETWORK.hosts.b.lan} dev eth0 table 1000`);

test('they are there while this node owns, whatever other programs do, and gone when it ends', async () => {
  const agent = startAgent();
  await until(both);
  await topology.inside('a', 'ip', ['route', 'del', NETWORK_BEYOND]);
  await topology.inside('a', 'ip', ['route', 'flush', 'table', '1000']);
  await until(both);
  // The kernel takes a route from its source with it when that goes.
  await topology.inside('a', 'ip', ['address', 'del', `${NETWORK.virtualAddress}/24`, 'dev', 'eth0']);
  await until(both);
  agent.signal('SIGTERM');
  await agent.exited;
  expect(await routes()).toBe('');
});

test('they go with an engine that dies, also if none comes after it', async () => {
  const agent = startAgent();
  await until(both);
  writeFileSync(join(folder, 'tiebreak.toml'), 'a configuration that does not load');
  const engine = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, 'utf8').trim();
  process.kill(Number(engine), 'SIGKILL');
  await until((shown) => shown === '');
  expect(agent.running).toBe(true);
});

test('what an earlier run has left is gone before this one owns, also of another configuration', async () => {
  const via = ['via', NETWORK.hosts.b.lan, 'dev', 'eth0', 'proto', OURS];
  await topology.inside('a', 'ip', ['route', 'add', NETWORK_BEYOND, 'metric', '50', ...via]);
  await topology.inside('a', 'ip', ['route', 'add', '198.51.100.0/24', ...via]);
  const agent = startAgent();
  await until((shown) => both(shown) && !shown.includes('198.51.100.0/24'));
  agent.signal('SIGTERM');
  await agent.exited;
});

test('the route of another program stays, and is told of', async () => {
  const other = ['via', NETWORK.hosts.b.lan, 'dev', 'eth0', 'metric', '50'];
  await topology.inside('a', 'ip', ['route', 'add', NETWORK_BEYOND, ...other]);
  const agent = startAgent();
  await until((shown) => shown.includes('table 1000'));
  expect(readFileSync(join(folder, 'log'), 'utf8')).toContain('another program has made a route to there');
  agent.signal('SIGTERM');
  await agent.exited;
  expect(await topology.inside('a', 'ip', ['route', 'show', NETWORK_BEYOND])).toContain('metric 50');
});
