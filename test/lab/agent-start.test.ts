import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { type LabProcess, signalAll } from './process.ts';
import { NETWORK, Topology } from './topology.ts';

const AGENT_SCRIPT = fileURLToPath(new URL('../../agent/cli/tiebreak.ts', import.meta.url));
const KERNEL = fileURLToPath(new URL('../../agent/kernel/index.ts', import.meta.url));
const SIDEBAND_PORT = 3112;
const EDGE_KEY = `1 ${randomBytes(32).toString('hex')}\n`;

let topology: Topology;
let folder: string;
let starts = 0;

beforeEach(async () => {
  requireTools([...LAB_TOOLS, 'chrt']);
  topology = await Topology.create();
  folder = topology.folderOf('agent');
  writeFileSync(join(folder, 'edge.key'), EDGE_KEY, { mode: 0o600 });
  const token = `tbn1.${randomBytes(16).toString('hex')}.${randomBytes(32).toString('hex')}\n`;
  writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
  writeFileSync(join(folder, 'tiebreak.toml'), configuration());
});

afterEach(() => topology.close());

function configuration(changes: Readonly<Record<string, string>> = {}): string {
  let text = `
node = "a"
state_dir = "${folder}/state"
run_dir = "${folder}/run"

[witness]
url = "http://${NETWORK.witness.uplink}:8787"
cluster = "lab"
token_file = "${folder}/token"

[[group]]
name = "edge"
key_file = "${folder}/edge.key"
peers = [{ node = "b", addresses = ["${NETWORK.hosts.b.lan}"] }]

[[group.virtual_router]]
interface = "eth0"
virtual_router_id = 33
addresses = ["${NETWORK.virtualAddress}/24"]
`;
  for (const [from, to] of Object.entries(changes)) {
    if (!text.includes(from)) throw new Error(`the configuration has no '${from}' to change`);
    text = text.replaceAll(from, to);
  }
  return text;
}

type Agent = { readonly process: LabProcess; readonly log: () => string };

function startAgent(wrapper: readonly string[] = []): Agent {
  starts += 1;
  const logFile = join(folder, `log-${starts}`);
  const [command = process.execPath, ...before] = [...wrapper, process.execPath];
  const args = [...before, AGENT_SCRIPT, 'run', '--config', join(folder, 'tiebreak.toml')];
  const started = topology.spawn('a', { command, args, logFile });
  return { process: started, log: () => readFileSync(logFile, 'utf8') };
}

/** Waits until the agent has ended, and returns what it said. */
async function refusedStart(wrapper: readonly string[] = []): Promise<string> {
  const agent = startAgent(wrapper);
  await Promise.race([agent.process.exited, sleep(10_000)]);
  expect(agent.process.running, `it still runs: ${agent.log()}`).toBe(false);
  return agent.log();
}

async function runningAgent(wrapper: readonly string[] = []): Promise<Agent> {
  const agent = startAgent(wrapper);
  for (let patience = 0; patience < 100 && !agent.log().includes('node a runs edge'); patience += 1) await sleep(100);
  expect(agent.log()).toContain('node a runs edge');
  return agent;
}

/** The kernel remembers who added an address, which `ip` cannot say. */
async function addAsAnAgentWould(): Promise<void> {
  const script = `const { openRtnetlink, interfaceIndex } = await import('${KERNEL}');
    const address = Uint8Array.from('${NETWORK.virtualAddress}'.split('.'), Number);
    const index = interfaceIndex('eth0').value;
    const added = openRtnetlink().value.addAddress({ interfaceIndex: index, family: 'ipv4', address, prefixLength: 24 });
    if (!added.ok) throw new Error(added.text);`;
  await topology.inside('a', process.execPath, ['--input-type=module', '-e', script]);
}

async function traces(): Promise<string> {
  const tables = await topology.inside('a', 'nft', ['list', 'tables']);
  const addresses = await topology.inside('a', 'ip', ['-brief', 'address', 'show', 'dev', 'eth0']);
  return `${tables}${addresses}`;
}

async function expectNothingLeft(): Promise<void> {
  const left = await traces();
  expect(left).not.toContain('tiebreak');
  expect(left).not.toContain(NETWORK.virtualAddress);
  expect(existsSync(join(folder, 'run', 'api.sock'))).toBe(false);
}

describe('a start that cannot succeed says what is wrong and what to do, and leaves nothing behind', () => {
  test('there is no such interface', async () => {
    writeFileSync(join(folder, 'tiebreak.toml'), configuration({ '"eth0"': '"eth7"' }));
    expect(await refusedStart()).toMatch(/no interface eth7; this host has .*eth0, eth1/);
    await expectNothingLeft();
  });

  test('without the privilege to change the network', async () => {
    const said = await refusedStart(['setpriv', '--inh-caps', '-all', '--bounding-set', '-net_admin,-net_raw']);
    expect(said).toMatch(/CAP_NET_ADMIN/);
    await expectNothingLeft();
  });

  test("the sideband's port is taken", async () => {
    const script = `require('dgram').createSocket('udp4').bind(${SIDEBAND_PORT}); setInterval(() => {}, 1000)`;
    topology.spawn('a', { command: process.execPath, args: ['-e', script], logFile: join(folder, 'taker') });
    await sleep(500);
    expect(await refusedStart()).toMatch(/UDP port 3112: is taken by another program.*sideband_port/);
    await expectNothingLeft();
  });

  test("the API's port is taken", async () => {
    const script = `require('net').createServer().listen(9112, '127.0.0.1'); setInterval(() => {}, 1000)`;
    topology.spawn('a', { command: process.execPath, args: ['-e', script], logFile: join(folder, 'taker') });
    await sleep(500);
    expect(await refusedStart()).toMatch(/9112/);
    await expectNothingLeft();
  });

  test('another agent runs, whose fence and files are left alone', async () => {
    const first = await runningAgent();
    const state = readFileSync(join(folder, 'state', 'agent.json'), 'utf8');
    expect(await refusedStart()).toMatch(/another agent is running: it answers on .*; stop it, or set another run_dir/);
    expect(first.process.running).toBe(true);
    expect(readFileSync(join(folder, 'state', 'agent.json'), 'utf8')).toBe(state);
    expect(await traces()).toContain('tiebreak');
  });

  test('the fence does not hold, and an address of an earlier run is still there: it is kept silent', async () => {
    await addAsAnAgentWould();
    const rules =
      'table inet own { chain in { type filter hook input priority 0; iif lo udp dport 1024-65535 drop; }; }';
    await topology.inside('a', 'nft', [rules]);
    expect(await refusedStart()).toMatch(/drop UDP on lo.*; it stays, closed/);
    expect(await traces()).toContain('table netdev tiebreak');
    await topology.inside('a', 'nft', ['delete', 'table', 'inet', 'own']);
    const agent = await runningAgent();
    expect(agent.log()).toContain(`removed ${NETWORK.virtualAddress}, left by an earlier run`);
  });

  test('an address of an earlier run that is configured no more goes all the same', async () => {
    await addAsAnAgentWould();
    mkdirSync(join(folder, 'run'));
    writeFileSync(join(folder, 'run', 'configuration.toml'), configuration());
    writeFileSync(join(folder, 'tiebreak.toml'), configuration({ [NETWORK.virtualAddress]: '10.77.0.199' }));
    const agent = await runningAgent();
    expect(agent.log()).toContain(`removed ${NETWORK.virtualAddress}, left by an earlier run`);
    expect(await traces()).not.toContain(NETWORK.virtualAddress);
  });

  test("the virtual address is the host's own, which stays where it is", async () => {
    const own = NETWORK.hosts.a.lan;
    writeFileSync(join(folder, 'tiebreak.toml'), configuration({ [NETWORK.virtualAddress]: own }));
    expect(await refusedStart()).toMatch(/is on eth0 already, and tiebreak has not put it there/);
    expect(await traces()).toContain(`${own}/24`);
  });

  test('the key has the wrong length', async () => {
    writeFileSync(join(folder, 'edge.key'), '1 abcdef\n', { mode: 0o600 });
    expect(await refusedStart()).toMatch(/edge\.key:1.*32 bytes/);
    await expectNothingLeft();
  });

  test('the state file is damaged', async () => {
    mkdirSync(join(folder, 'state'));
    writeFileSync(join(folder, 'state', 'agent.json'), '{"version":1,');
    expect(await refusedStart()).toMatch(/agent\.json: is damaged/);
    await expectNothingLeft();
  });
});

describe('the fence of a running agent', () => {
  test("covers every interface but the ports of a bridge, which carry other hosts' ARP", async () => {
    await topology.ip('a', [
      'link add br0 type bridge',
      'link add tap0 type veth peer name tap0-peer',
      'link set tap0 master br0',
    ]);
    await runningAgent();
    const table = await topology.inside('a', 'nft', ['list', 'table', 'netdev', 'tiebreak']);
    const hooked = table.split('\n').filter((line) => line.includes('type filter hook'));
    const devices = hooked.join('\n').match(/[a-z0-9-]+/g) ?? [];
    expect(devices).not.toContain('tap0');
    expect(devices).toEqual(expect.arrayContaining(['eth0', 'eth1', 'br0', 'tap0-peer']));
  });
});

describe('the processor', () => {
  /** By process, each with the policy of its event loop. */
  async function policies(guardian: number): Promise<{ readonly guardian: string; readonly engine: string }> {
    const [engine] = (await topology.pids('a')).filter((pid) => pid !== guardian);
    const [ofGuardian = '', ofEngine = ''] = await Promise.all(
      [guardian, engine].map((pid) => topology.inside('a', 'chrt', ['--pid', String(pid)])),
    );
    return { guardian: ofGuardian, engine: ofEngine };
  }

  test('the engine decides in real time, and what it starts does not', async () => {
    const agent = await runningAgent();
    const { guardian, engine } = await policies(agent.process.pid);
    expect(engine).toContain('SCHED_RR|SCHED_RESET_ON_FORK');
    expect(engine).toMatch(/priority: 1$/m);
    expect(guardian).toContain('SCHED_OTHER');
  });

  test.for([
    ['the service manager has given it less', ['nice', '-n', '-10']],
    ['it may not', ['nice', '-n', '-15', 'setpriv', '--inh-caps', '-all', '--bounding-set', '-sys_nice']],
  ] as const)('as usual where %s', async ([, wrapper]) => {
    const agent = await runningAgent(wrapper);
    expect((await policies(agent.process.pid)).engine).toContain('SCHED_OTHER');
  });
});

describe('gateway = true', () => {
  test('holds back what would be forwarded in on the interface of the addresses', async () => {
    writeFileSync(join(folder, 'tiebreak.toml'), configuration({ 'name = "edge"': 'name = "edge"\ngateway = true' }));
    await runningAgent();
    const table = await topology.inside('a', 'nft', ['list', 'table', 'inet', 'tiebreak']);
    expect(table).toContain('iifname "eth0" jump gateway_eth0');
    expect(table).toMatch(/chain gateway_eth0 \{\s+\S.* @alive return\s+drop\s+\}/);
  });
});

describe('the end of an agent', () => {
  test('SIGTERM leaves nothing behind', async () => {
    const agent = await runningAgent();
    expect(await traces()).toContain('tiebreak');
    agent.process.signal('SIGTERM');
    await Promise.race([agent.process.exited, sleep(10_000)]);
    expect(agent.process.running).toBe(false);
    await expectNothingLeft();
  });

  test('if the guardian alone dies, the engine carries on and says so', async () => {
    const agent = await runningAgent();
    agent.process.signal('SIGKILL');
    for (let patience = 0; patience < 50 && !agent.log().includes('the guardian has died'); patience += 1)
      await sleep(100);
    expect(agent.log()).toContain('the guardian has died: the engine goes on without it');
    expect(await traces()).toContain('tiebreak');
    const [engine, ...others] = await topology.pids('a');
    expect(others).toEqual([]);
    signalAll(engine === undefined ? [] : [engine], 'SIGTERM');
    for (let patience = 0; patience < 50 && (await topology.pids('a')).length > 0; patience += 1) await sleep(100);
    await expectNothingLeft();
  });

  test('what a killed agent left is cleared by the next start, with the fence closed first', async () => {
    const agent = await runningAgent();
    signalAll(await topology.pids('a'), 'SIGKILL');
    await agent.process.exited;
    await addAsAnAgentWould();
    const next = await runningAgent();
    expect(next.log()).toContain(`removed ${NETWORK.virtualAddress}, left by an earlier run`);
    expect(await traces()).not.toContain(NETWORK.virtualAddress);
  });
});
