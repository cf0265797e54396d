import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ExtraHost } from './extra-host.ts';
import { framesDropped, frozen } from './faults.ts';
import { expectNeverTwo, expectUntouched, type HardeningLab, hardeningLab, processorMs, watched } from './hardening.ts';
import { keepalivedConfiguration } from './keepalived.ts';
import { PcapStream } from './pcap.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { type LabProcess, waitFor } from './process.ts';
import { DEFAULT_SCENARIO, masterDownMs, other, type WitnessControl, witnessOf } from './system.ts';
import { type HostName, NETWORK } from './topology.ts';

// What others send, lose and load.

const ADVERTISEMENTS = 'ip protocol 112';
const SIDEBAND = 'udp dport 3112';
const HOLD_MS = 6_000;
const LOADED_ROUNDS = 3;

let bench: HardeningLab;
beforeAll(async () => {
  requireTools([...LAB_TOOLS, 'keepalived', 'taskset']);
  bench = await hardeningLab();
  await bench.lab.steady();
});
afterAll(() => bench?.lab.close());

const said = (): string => bench.lab.logs();

const witness = (): WitnessControl => witnessOf(bench.system);

describe('of adverts and sideband only one gets through', () => {
  test('the sideband: nothing moves, and no candidate turns up', async () => {
    const { lab, system, topology } = bench;
    const backup = other(await lab.steady());
    const before = system.agents[backup].log().length;
    const { analysis } = await lab.trial(() => framesDropped(topology, ADVERTISEMENTS), { holdMs: HOLD_MS });
    expectUntouched(analysis, HOLD_MS, said);
    expect(system.agents[backup].log().slice(before)).not.toContain('"to":"candidate"');
  });

  test("adverts: the owner keeps the address by the witness's vote", async () => {
    const { lab, topology } = bench;
    const { analysis } = await lab.trial(() => framesDropped(topology, SIDEBAND), { holdMs: HOLD_MS });
    expectUntouched(analysis, HOLD_MS, said);
  });

  test('adverts, and then the witness is lost too: nobody owns the address, and never two', async () => {
    const { lab, topology } = bench;
    const fault = framesDropped(topology, SIDEBAND);
    const owner = await lab.steady();
    let closed: string[] = [];
    const seen = await watched(
      lab,
      async () => {
        await fault.inject();
        await sleep(2_000);
        await witness().stop();
        // What the owner was given before lasts 3.75 s at most.
        await sleep(5_000);
        closed = lab.prober.answering(500);
        await witness().start();
        await fault.heal();
        await lab.steady();
      },
      300,
    );
    expectNeverTwo(seen, 7_000, said);
    expect(seen.before).toBe(owner);
    expect(closed, said()).toEqual([]);
  });
});

describe("the sideband's port is flooded with garbage and with replays of what was really sent", () => {
  const RATE = 20_000;
  const FLOOD_MS = 10_000;

  /** Payloads that the hosts have really sent each other. */
  async function recorded(): Promise<string[]> {
    const { topology } = bench;
    const stream = new PcapStream();
    const payloads: string[] = [];
    const capture = topology.spawn('a', {
      command: 'tcpdump',
      args: ['-i', NETWORK.lanInterface, '-n', '-U', '--immediate-mode', '-s', '0', '-w', '-', 'udp dst port 3112'],
      logFile: join(topology.folder, 'recorder.log'),
      pipe: true,
    });
    capture.output.on('data', (piece: Buffer) => {
      for (const { bytes } of stream.push(piece)) payloads.push(bytes.subarray(42).toString('hex'));
    });
    await sleep(3_000);
    await capture.stop(1_000);
    return payloads;
  }

  let payloads: string[] = [];

  async function flood(sources: readonly string[]): Promise<LabProcess> {
    const { topology } = bench;
    if (payloads.length === 0) payloads = await recorded();
    expect(payloads.length).toBeGreaterThan(20);
    const { a, b } = NETWORK.hosts;
    const plan = join(topology.folder, 'flood.json');
    const targets = [a, b].map(({ mac, lan }) => ({ mac, address: lan }));
    writeFileSync(plan, JSON.stringify({ targets, sources, recorded: payloads }));
    const script = fileURLToPath(new URL('flood.ts', import.meta.url));
    const started = topology.spawn('client', {
      command: process.execPath,
      args: [script, NETWORK.lanInterface, String(RATE), plan],
      logFile: join(topology.folder, `flood-${sources.length}`),
    });
    await started.waitForLog('flooding', 5_000);
    return started;
  }

  test.for<[string, readonly string[]]>([
    ['from strangers', ['10.77.0.50', '10.77.0.51', '203.0.113.9']],
    ["from the peers' addresses on the LAN", [NETWORK.hosts.a.lan, NETWORK.hosts.b.lan]],
    ["from all of the peers' addresses", Object.values(NETWORK.hosts).flatMap(({ lan, uplink }) => [lan, uplink])],
  ])('%s: nothing moves, nothing is lost, and the engines have time left', async ([, sources]) => {
    const { lab, system } = bench;
    await lab.steady();
    const pids = [await system.agents.a.enginePid(), await system.agents.b.enginePid()];
    let busy: number[] = [];
    let flooding: LabProcess | undefined;
    const seen = await watched(
      lab,
      async () => {
        flooding = await flood(sources);
        const before = pids.map(processorMs);
        await sleep(FLOOD_MS);
        busy = pids.map((pid, index) => (processorMs(pid) - (before[index] ?? 0)) / FLOOD_MS);
        await flooding.stop(2_000);
      },
      500,
    );
    const sent = Number(/sent (\d+)/.exec(flooding?.log ?? '')?.[1]);
    console.info(
      `flooded with ${sent} datagrams; the engines used ${busy.map((share) => share.toFixed(2)).join(' and ')} of a processor`,
    );
    expect(sent).toBeGreaterThan(0.5 * RATE * (FLOOD_MS / 1_000));
    expectUntouched(seen, FLOOD_MS, said);
    for (const share of busy) expect(share).toBeLessThan(0.7);
    await lab.steady();
  });
});

describe('another program loads 100,000 set elements on the host of the backup', () => {
  /** A kernel without preemption gives a processor to nobody else during a transaction, whoever waits for it. */
  const LOADING_PROCESSOR = cpus().length - 1;

  async function keepToProcessors(list: string): Promise<void> {
    const { topology } = bench;
    const places = ['a', 'b', 'client', 'witness'] as const;
    const pids = (await Promise.all(places.map((place) => topology.pids(place)))).flat();
    for (const pid of pids) await topology.inside('a', 'taskset', ['-a', '-p', '-c', list, String(pid)]);
  }

  beforeAll(async () => {
    if (LOADING_PROCESSOR < 1) throw new Error('one processor for the loader and one for all else are needed');
    await keepToProcessors(`0-${LOADING_PROCESSOR - 1}`);
  });
  afterAll(() => keepToProcessors(`0-${LOADING_PROCESSOR}`));

  test('a takeover meanwhile does not wait for it', async () => {
    const { lab, topology } = bench;
    const addresses = Array.from({ length: 100_000 }, (_, at) => `10.${at >> 16}.${(at >> 8) & 255}.${at & 255}`);
    const file = join(topology.folder, 'elements.nft');
    const lines = ['add table inet other', 'add set inet other many { type ipv4_addr; }'];
    writeFileSync(file, `${lines.join('\n')}\nadd element inet other many { ${addresses.join(', ')} }\n`);
    for (let round = 0; round < LOADED_ROUNDS; round += 1) {
      const owner = await lab.steady();
      const loader = topology.spawn(other(owner), {
        command: 'taskset',
        args: [
          '-c',
          String(LOADING_PROCESSOR),
          'sh',
          '-c',
          `while :; do nft -f ${file}; nft delete table inet other; echo loaded; done`,
        ],
        logFile: join(topology.folder, `loader-${round}`),
      });
      await loader.waitForLog('loaded', 10_000);
      // Each time another moment of the loading meets the takeover.
      await sleep(round * 300);
      const fault = frozen(topology, owner);
      const seen = await watched(lab, fault.inject, 2_000);
      await loader.stop(0);
      await fault.heal();
      await lab.steady();
      await topology.inside(other(owner), 'nft', ['add table inet other; delete table inet other']);
      expectNeverTwo(seen, 2_000, said);
      expect(seen.changes, said()).toHaveLength(1);
      const gapMs = seen.changes[0]?.gapMs ?? Number.NaN;
      console.info(`taken over in ${gapMs} ms while another program loaded`);
      expect(gapMs).toBeLessThan(1.1 * masterDownMs(DEFAULT_SCENARIO, other(owner)));
    }
  });
});

describe('a keepalived of someone else, with our virtual router ID and priority 255', () => {
  const ALARM = 'advertises our virtual router 33 and is no configured peer';

  async function stranger(name: string, own: string, address: string): Promise<ExtraHost> {
    const { topology } = bench;
    const host = await ExtraHost.create(topology, name, `${own}/24`, { to: 'lan' });
    const scenario = { ...DEFAULT_SCENARIO, priority: { a: 255, b: 255 } };
    const usual = { version: 3, family: 4, transport: 'multicast', preempt: true } as const;
    const file = join(topology.folder, `${name}.conf`);
    const configuration = keepalivedConfiguration('a', scenario, usual, []).replaceAll(NETWORK.virtualAddress, address);
    writeFileSync(file, configuration, { mode: 0o600 });
    const pidFile = join(topology.folder, name);
    host.spawn({
      command: 'keepalived',
      args: [
        ...['--dont-fork', '--log-console', '--vrrp', '--use-file', file],
        ...['--pid', `${pidFile}.pid`, '--vrrp_pid', `${pidFile}-vrrp.pid`],
      ],
      logFile: join(topology.folder, `${name}.log`),
    });
    return host;
  }

  test('with another address: an alarm on both hosts, and nothing moves', async () => {
    const { lab, system } = bench;
    await lab.steady();
    let host: ExtraHost | undefined;
    const seen = await watched(
      lab,
      async () => {
        host = await stranger('stranger', '10.77.0.66', '10.77.0.200');
        await sleep(4_000);
      },
      500,
    );
    await host?.close();
    expectUntouched(seen, 4_000, said);
    for (const agent of Object.values(system.agents)) expect(agent.log()).toContain(ALARM);
  });

  test('with our address: who answers the client is not ours to say, but neither agent moves, and both alarm', async () => {
    const { lab, system } = bench;
    const owner = await lab.steady();
    const before = { a: system.agents.a.log().length, b: system.agents.b.log().length };
    const meanwhile = (name: HostName): string => system.agents[name].log().slice(before[name]);
    const host = await stranger('rival', '10.77.0.67', NETWORK.virtualAddress);
    // One alarm of a kind in 10 s, and the stranger before this one has had its own.
    await waitFor('both alarm', 15_000, () =>
      meanwhile('a').includes(ALARM) && meanwhile('b').includes(ALARM) ? true : undefined,
    );
    const roles = { owner: await system.agents[owner].group(), backup: await system.agents[other(owner)].group() };
    await host.close();
    expect(roles, said()).toMatchObject({ owner: { role: 'active' }, backup: { role: 'backup' } });
    for (const name of ['a', 'b'] as const) expect(meanwhile(name)).not.toContain('"to":"');
    expect(await lab.steady()).toBe(owner);
  });
});
