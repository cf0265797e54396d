import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { analyse } from './analysis.ts';
import { ExtraHost } from './extra-host.ts';
import { agentFrozen, cutOffFromBoth, type Fault } from './faults.ts';
import { EchoClient, expectNeverTwo, type HardeningLab, hardeningLab } from './hardening.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { other } from './system.ts';
import { type HostName, NETWORK, type Topology } from './topology.ts';

// Clients to whom the ex-owner is nearer than its successor: behind another of its interfaces, on the host itself, or with
// the address as their router.

const HOLD_MS = 3_000;
/** An echo client looks for answers every 10 ms, and a busy machine may hold it up. */
const SLACK_US = 30_000;
/** Of an answer that no router has passed on. */
const OWN_TTL = 64;

const INNER: Readonly<Record<HostName, { net: string; host: string; station: string }>> = {
  a: { net: '10.88.0.0/24', host: '10.88.0.1', station: '10.88.0.2' },
  b: { net: '10.89.0.0/24', host: '10.89.0.1', station: '10.89.0.2' },
};

let bench: HardeningLab | undefined;
let extra: ExtraHost[] = [];
afterEach(async () => {
  await bench?.lab.close();
  bench = undefined;
  for (const host of extra) await host.close();
  extra = [];
});

async function forwarding(topology: Topology): Promise<void> {
  for (const host of ['a', 'b'] as const) await topology.inside(host, 'sysctl', ['-qw', 'net.ipv4.ip_forward=1']);
}

type Spell = {
  readonly owner: HostName;
  /** Wall clock, µs: the fault, the first answer of the new owner, the healing, the steady state after it. */
  readonly faultUs: number;
  readonly movedUs: number;
  readonly healedUs: number;
  readonly steadyUs: number;
};

/** A fault that moves the address away from the owner, and is healed. */
async function movedBy({ lab }: HardeningLab, owner: HostName, fault: Fault): Promise<Spell> {
  await sleep(500);
  const faultUs = lab.prober.nowUs();
  await fault.inject();
  await sleep(HOLD_MS);
  const healedUs = lab.prober.nowUs();
  await fault.heal();
  await lab.steady();
  const steadyUs = lab.prober.nowUs();
  await sleep(1_000);
  const seen = analyse(lab.prober.between(faultUs - 400_000, lab.prober.nowUs()));
  expectNeverTwo(seen, HOLD_MS, () => lab.logs());
  expect(seen.changes, lab.logs()).toHaveLength(1);
  expect(seen, lab.logs()).toMatchObject({ before: owner, after: other(owner) });
  return { owner, faultUs, movedUs: seen.changes[0]?.atUs ?? Number.NaN, healedUs, steadyUs };
}

describe('a client behind another interface of the ex-owner, and one on the ex-owner itself', () => {
  test('while the agent is frozen, and while it is cut off: neither is answered by the ex-owner any more', async () => {
    requireTools(LAB_TOOLS);
    const inner = new Map<HostName, ExtraHost>();
    bench = await hardeningLab({
      prepare: async (topology) => {
        await forwarding(topology);
        for (const host of ['a', 'b'] as const) {
          const { net, host: own, station } = INNER[host];
          const attached = { to: host, hostAddress: `${own}/24` };
          const made = await ExtraHost.create(topology, `inner-${host}`, `${station}/24`, attached);
          extra.push(made);
          inner.set(host, made);
          await made.ip(`route add default via ${own}`);
          await topology.ip(other(host), [`route add ${net} via ${NETWORK.hosts[host].lan}`]);
        }
      },
    });
    const { lab, topology, system } = bench;
    for (const kind of ['frozen', 'cut off'] as const) {
      const owner = await lab.steady();
      const station = inner.get(owner);
      if (station === undefined) throw new Error('each host has a station behind it');
      const behind = new EchoClient(topology, station.spawn, NETWORK.virtualAddress);
      const local = new EchoClient(topology, (options) => topology.spawn(owner, options), NETWORK.virtualAddress);
      await sleep(500);
      const fault = kind === 'frozen' ? agentFrozen(topology, system.agents[owner]) : cutOffFromBoth(topology, owner);
      const { faultUs, movedUs, healedUs, steadyUs } = await movedBy(bench, owner, fault);
      const endUs = lab.prober.nowUs();

      const nearby = behind.between(faultUs - 400_000, faultUs);
      expect(nearby.length).toBeGreaterThan(10);
      expect(nearby.every(({ ttl }) => ttl === OWN_TTL)).toBe(true);
      expect(local.between(faultUs - 400_000, faultUs).length).toBeGreaterThan(10);

      const later = behind.between(movedUs + SLACK_US, endUs);
      expect(
        later.filter(({ ttl }) => ttl === OWN_TTL),
        lab.logs(),
      ).toEqual([]);
      expect(local.between(movedUs + SLACK_US, healedUs), lab.logs()).toEqual([]);

      // And then its successor answers both.
      expect(behind.between(steadyUs, endUs).some(({ ttl }) => ttl === OWN_TTL - 1)).toBe(true);
      expect(local.between(steadyUs, endUs).length).toBeGreaterThan(10);
      await Promise.all([behind.stop(), local.stop()]);
    }
  });
});

describe('a client whose router is the address, without a virtual MAC', () => {
  const FAR = NETWORK.witness.uplink;
  const DEAF = '10.77.0.30';

  test.for([
    [true, 'is not routed by it'],
    [false, 'is still routed by it, as docs/fault-model.md says'],
  ] as const)('gateway = %s: one that has missed the move to another host %s', async ([gateway]) => {
    requireTools(LAB_TOOLS);
    bench = await hardeningLab({ gateway, prepare: forwarding });
    const { lab, topology, system } = bench;
    const owner = await lab.steady();
    await topology.ip('client', [`route add ${FAR}/32 via ${NETWORK.virtualAddress}`]);
    // The way back is not what is tested: by the host that nothing happens to.
    await topology.ip('witness', [`route add 10.77.0.0/24 via ${NETWORK.hosts[other(owner)].uplink}`]);
    const deaf = await ExtraHost.create(topology, 'deaf', `${DEAF}/24`, { to: 'lan' });
    extra.push(deaf);
    await deaf.ip(
      `route add ${FAR}/32 via ${NETWORK.virtualAddress}`,
      `neigh replace ${NETWORK.virtualAddress} lladdr ${NETWORK.hosts[owner].mac} dev eth0 nud permanent`,
    );
    const ordinary = new EchoClient(topology, (options) => topology.spawn('client', options), FAR);
    const missed = new EchoClient(topology, deaf.spawn, FAR);
    await sleep(1_000);
    const { faultUs, movedUs, healedUs } = await movedBy(bench, owner, agentFrozen(topology, system.agents[owner]));

    const expected = 40;
    expect(ordinary.between(faultUs - 500_000, faultUs).length).toBeGreaterThan(0.7 * expected);
    expect(missed.between(faultUs - 500_000, faultUs).length).toBeGreaterThan(0.7 * expected);
    // The ordinary client goes on by the new owner, at once.
    expect(ordinary.between(movedUs + 100_000, healedUs).length, lab.logs()).toBeGreaterThan(
      (0.7 * (healedUs - movedUs - 100_000)) / 10_000,
    );
    const stale = missed.between(movedUs + SLACK_US, healedUs).length;
    if (gateway) expect(stale, lab.logs()).toBe(0);
    else expect(stale, lab.logs()).toBeGreaterThan(0);
    await Promise.all([ordinary.stop(), missed.stop()]);
  });
});
