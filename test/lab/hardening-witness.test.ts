import { randomBytes } from 'node:crypto';
import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Analysis } from './analysis.ts';
import { frozen, linkCut, plannedStop } from './faults.ts';
import { expectNeverTwo, expectUntouched, type HardeningLab, hardeningLab, takeovers, watched } from './hardening.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { signalAll, waitFor } from './process.ts';
import { DEFAULT_SCENARIO, other, type WitnessControl, witnessOf } from './system.ts';
import { TiebreakAgent, type TiebreakSystem, tiebreakAgentOf, VIRTUAL_ROUTER_DEFAULTS } from './tiebreak.ts';
import { type HostName, NETWORK, type Topology } from './topology.ts';
import { LocalWitness } from './witness.ts';

// What can happen to the witness and to the way to it.

const STALL_MS = 30_000;
const MINUTE_MS = 60_000;
const HOSTS = ['a', 'b'] as const;
/** What a vote of the witness is worth to its holder at most: 0.75 of 5 s. */
const WITNESS_LEASE_MS = 3_750;
/** Longer than the 5 s after which policy bias gives the owner a long promise. For a long run: LAB_WITNESS_LOST_S=90. */
const LOST_MS = Number(process.env.LAB_WITNESS_LOST_S ?? 8) * 1_000;
/** An owner believes a promise of 11 s (`biasPromiseMs`) for 8.25 s, and the one that it has may be a second old. */
const CUT_MS = 6_500;
/** How long a witness that has lost its storage gives nobody a vote (TTL_MAX). */
const RECOVERY_MS = 10_000;

describe('one witness', () => {
  let bench: HardeningLab;
  beforeAll(async () => {
    requireTools(LAB_TOOLS);
    bench = await hardeningLab();
    await bench.lab.steady();
  });
  afterAll(() => bench?.lab.close());

  const said = (): string => bench.lab.logs();

  const witness = (): WitnessControl => witnessOf(bench.system);

  async function kill(): Promise<void> {
    signalAll(await bench.topology.pids('witness'), 'SIGKILL');
    await waitFor('the witness is dead', 5_000, async () =>
      (await bench.topology.pids('witness')).length === 0 ? true : undefined,
    );
  }

  /** Somebody, and one alone, owns the address again. */
  async function oneAnswers(withinMs: number): Promise<string> {
    return waitFor('one host answers', withinMs, () => {
      const [first, ...more] = bench.lab.prober.answering(100);
      return more.length === 0 ? first : undefined;
    });
  }

  test('killed and started again: nothing moves, nothing is lost', async () => {
    const { lab } = bench;
    await lab.steady();
    const seen = await watched(
      lab,
      async () => {
        await kill();
        await sleep(3_000);
        await witness().start();
        await lab.steady();
      },
      500,
    );
    expectUntouched(seen, 3_000, said);
  });

  test('stopped for a minute: the client loses nothing, and both agents say what is missing', async () => {
    const { lab, system } = bench;
    await lab.steady();
    const witnessSeenBy = async (): Promise<(string | undefined)[]> =>
      Promise.all(HOSTS.map(async (host) => (await tiebreakAgentOf(system, host).group())?.witness.state));
    let meanwhile: (string | undefined)[] = [];
    const seen = await watched(
      lab,
      async () => {
        await witness().stop();
        await sleep(MINUTE_MS);
        meanwhile = await witnessSeenBy();
        await witness().start();
        await waitFor('both agents are linked again', 20_000, async () =>
          (await witnessSeenBy()).every((state) => state === 'connected') ? true : undefined,
        );
        await lab.steady();
      },
      500,
    );
    expectUntouched(seen, MINUTE_MS, said);
    expect(meanwhile).toEqual(['unreachable', 'unreachable']);
    for (const host of HOSTS) expect(system.agents[host].log()).toContain('witness link unreachable');
  });

  test(`silent for ${STALL_MS / 1_000} s, the link cut meanwhile: what it grants late counts for nothing`, async () => {
    const { lab, topology } = bench;
    const owner = await lab.steady();
    const cut = linkCut(topology);
    let duringStall: string[] = [];
    const seen = await watched(
      lab,
      async () => {
        await witness().freeze();
        await cut.inject();
        // Before the witness has been away for so long that policy bias would give the owner a long promise.
        await sleep(STALL_MS);
        duringStall = lab.prober.answering(STALL_MS - WITNESS_LEASE_MS);
        await witness().thaw();
        await oneAnswers(RECOVERY_MS + 5_000);
        await sleep(2 * WITNESS_LEASE_MS);
        await cut.heal();
        await lab.steady();
      },
      500,
    );
    expectNeverTwo(seen, STALL_MS, said);
    expect(seen.before).toBe(owner);
    expect(duringStall, said()).toEqual([]);
  });

  test('rolled back to before its last grant: it gives nobody a vote that may still be held', async () => {
    const { lab, topology } = bench;
    await lab.steady();
    const data = join(topology.folderOf('witness'), 'data');
    const copy = join(topology.folderOf('witness'), 'copy');
    await witness().stop();
    cpSync(data, copy, { recursive: true });
    await witness().start();
    const owner = await lab.steady();
    const cut = linkCut(topology);
    const seen = await watched(
      lab,
      async () => {
        await cut.inject();
        // Both have heard from the witness which grant was its last: the owner as its holder, the other by a refusal.
        await sleep(2_000);
        await kill();
        rmSync(data, { recursive: true });
        cpSync(copy, data, { recursive: true });
        await witness().start();
        await oneAnswers(RECOVERY_MS + 10_000);
        await sleep(2 * WITNESS_LEASE_MS);
        await cut.heal();
        await lab.steady();
      },
      500,
    );
    expectNeverTwo(seen, 2_000 + 2 * WITNESS_LEASE_MS, said);
    expect(seen.before).toBe(owner);
  });

  test(`lost for ${LOST_MS / 1_000} s, and then the link is cut: the owner stays, and nothing is lost (policy bias)`, {
    timeout: LOST_MS + 120_000,
  }, async () => {
    const { lab, topology } = bench;
    const owner = await lab.steady();
    const cut = linkCut(topology);
    await witness().stop();
    await sleep(LOST_MS);
    const seen = await watched(
      lab,
      async () => {
        await cut.inject();
        await sleep(CUT_MS);
        await cut.heal();
      },
      1_000,
    );
    await witness().start();
    expectUntouched(seen, CUT_MS, said);
    expect(await lab.steady()).toBe(owner);
  });

  describe("the backup's way to the witness leads through the group's own address", () => {
    const route = `${NETWORK.witness.uplink}/32 via ${NETWORK.virtualAddress} dev ${NETWORK.lanInterface}`;
    let detoured: HostName;

    beforeAll(async () => {
      const owner = await bench.lab.steady();
      detoured = other(owner);
      await bench.topology.inside(owner, 'sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
      await bench.topology.ip(detoured, [`route add ${route}`]);
      await sleep(3_000);
    });
    afterAll(() => bench?.topology.ip(detoured, [`route del ${route}`]));

    test('the link is cut: nothing moves', async () => {
      const { lab, topology } = bench;
      const cut = linkCut(topology);
      const seen = await watched(
        lab,
        async () => {
          await cut.inject();
          await sleep(5_000);
          await cut.heal();
        },
        1_000,
      );
      expectUntouched(seen, 5_000, said);
    });

    test('the owner freezes: whoever answers then, never two', async () => {
      const { lab, topology } = bench;
      const fault = frozen(topology, other(detoured));
      const seen = await watched(
        lab,
        async () => {
          await fault.inject();
          await sleep(4_000);
          await fault.heal();
          await oneAnswers(10_000);
        },
        2_000,
      );
      expectNeverTwo(seen, 6_000, said);
    });

    test('it owns the address itself, and the link is cut: its ownership ends before the other begins', async () => {
      const { lab, system, topology } = bench;
      const former = other(detoured);
      if (lab.prober.answering(1_000).includes(former)) {
        const stop = plannedStop(system.agents[former]);
        await stop.inject();
        await stop.heal();
      }
      await waitFor(`${detoured} owns, and is heard by the other`, 30_000, async () => {
        const { role: own } = (await system.agents[detoured].group()) ?? {};
        const { role: its } = (await system.agents[former].group()) ?? {};
        return own === 'active' && its === 'backup' ? true : undefined;
      });
      await waitFor(`${former} reaches the witness`, 10_000, async () =>
        (await system.agents[former].group())?.witness.state === 'connected' ? true : undefined,
      );
      // The connection that it has would go on for a while by the neighbour entry of the former owner.
      await sleep(3_000);
      const cut = linkCut(topology);
      const seen = await watched(
        lab,
        async () => {
          await cut.inject();
          await sleep(6_000);
          await cut.heal();
        },
        2_000,
      );
      expectNeverTwo(seen, 6_000, said);
      expect(seen.changes.at(0), said()).toMatchObject({ from: detoured, to: former });
    });
  });
});

const SECOND_ADDRESS = '198.18.7.51';
const PROXY_ADDRESS = '198.18.7.52';
const CLUSTER = 'lab';

/** Passes each connection on to one of the two witnesses in turn, for 2 s at most. */
const PROXY_SCRIPT = `
const net = require('node:net');
let turn = 0;
net.createServer((near) => {
  const far = net.connect(8787, ['${NETWORK.witness.uplink}', '${SECOND_ADDRESS}'][turn++ % 2]);
  const end = () => { near.destroy(); far.destroy(); };
  for (const side of [near, far]) side.on('error', end).on('close', end);
  near.pipe(far).pipe(near);
  setTimeout(end, 2000);
}).listen(8787, '${PROXY_ADDRESS}');
`;

type TwoWitnesses = { readonly system: TiebreakSystem; readonly tokenOfSecond: Readonly<Record<HostName, string>> };

/** Two deployments of which each knows both agents; these are enrolled at the first, and find it by the name of the proxy. */
async function twoWitnesses(topology: Topology): Promise<TwoWitnesses> {
  await topology.ip('witness', [
    `addr add ${SECOND_ADDRESS}/24 dev ${NETWORK.uplinkInterface}`,
    `addr add ${PROXY_ADDRESS}/24 dev ${NETWORK.uplinkInterface}`,
  ]);
  const [first, second] = await Promise.all([
    LocalWitness.create(topology),
    LocalWitness.create(topology, SECOND_ADDRESS, 'witness-2'),
  ]);
  for (const each of [first, second]) await each.createCluster(CLUSTER);
  topology.spawn('witness', {
    command: process.execPath,
    args: ['-e', PROXY_SCRIPT],
    logFile: join(topology.folder, 'proxy.log'),
  });
  const keyFile = join(topology.folderOf('secrets'), 'edge.key');
  writeFileSync(keyFile, `1 ${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
  const agentOf = async (host: HostName): Promise<TiebreakAgent> => {
    const tokenFile = tokenFileOf(topology, host);
    writeFileSync(tokenFile, `${await first.enrol(CLUSTER, host)}\n`, { mode: 0o600 });
    const paths = 'lan and uplink' as const;
    const lease = { witnessUrl: `http://${PROXY_ADDRESS}:8787`, tokenFile, keyFile, paths };
    return new TiebreakAgent(topology, host, DEFAULT_SCENARIO, VIRTUAL_ROUTER_DEFAULTS, lease);
  };
  const agents = { a: await agentOf('a'), b: await agentOf('b') };
  const system: TiebreakSystem = {
    name: 'tiebreak',
    agents,
    witness: first,
    // What such a proxy leaves of a steady state is the test's own business.
    unsettled: async () => undefined,
    voteMs: async () => undefined,
    close: async () => {
      await Promise.all([agents.a.terminate(), agents.b.terminate()]);
      await Promise.all([first.stop(), second.stop()]);
    },
  };
  const tokenOfSecond = { a: await second.enrol(CLUSTER, 'a'), b: await second.enrol(CLUSTER, 'b') };
  return { system, tokenOfSecond };
}

function tokenFileOf(topology: Topology, host: HostName): string {
  return join(topology.folderOf('secrets'), `${host}.token`);
}

describe('two witnesses behind one name, which leads to the one and the other in turn', () => {
  const CUT_MS = 8_000;
  let bench: HardeningLab;
  let tokenOfSecond: TwoWitnesses['tokenOfSecond'];

  beforeAll(async () => {
    requireTools(LAB_TOOLS);
    bench = await hardeningLab({
      systemFor: async (topology) => {
        const made = await twoWitnesses(topology);
        tokenOfSecond = made.tokenOfSecond;
        return made.system;
      },
    });
    await bench.lab.steady();
  });
  afterAll(() => bench?.lab.close());

  const said = (): string => bench.lab.logs();

  async function duringCut(): Promise<Analysis> {
    const { lab, topology } = bench;
    const cut = linkCut(topology);
    return watched(
      lab,
      async () => {
        await cut.inject();
        await sleep(CUT_MS);
        await cut.heal();
      },
      2_000,
    );
  }

  test('both agents are enrolled at the same one: each believes only that one', async () => {
    const { lab } = bench;
    expectUntouched(await watched(lab, () => sleep(6_000), 0), 6_000, said);
    expectNeverTwo(await duringCut(), CUT_MS, said);
    await lab.steady();
  });

  test('one is enrolled anew at the other one: it goes on by the first without its vote, says so, and a cut link makes no second owner (L16)', async () => {
    const { lab, system, topology } = bench;
    const owner = await lab.steady();
    const changed = other(owner);
    await system.agents[changed].terminate();
    writeFileSync(tokenFileOf(topology, changed), `${tokenOfSecond[changed]}\n`, { mode: 0o600 });
    await system.agents[changed].start();
    await waitFor(`${changed} may vote and stand`, 20_000, async () =>
      (await system.agents[changed].group())?.role === 'backup' ? true : undefined,
    );
    expect((await system.agents[changed].group())?.reason).toContain(`until ${owner} has been reloaded too`);
    const before = takeovers(system, changed);
    expectNeverTwo(await duringCut(), CUT_MS, said);
    expect(takeovers(system, changed)).toBe(before);
  });
});
