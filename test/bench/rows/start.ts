import { setTimeout as sleep } from 'node:timers/promises';
import { Capture } from '../../lab/capture.ts';
import { KEEPALIVED_DEFAULTS, KeepalivedAgent } from '../../lab/keepalived.ts';
import { waitFor } from '../../lab/process.ts';
import { type Agent, DEFAULT_SCENARIO, type Scenario } from '../../lab/system.ts';
import { TiebreakAgent, tiebreakSystem, VIRTUAL_ROUTER_DEFAULTS } from '../../lab/tiebreak.ts';
import { PORTS, Topology } from '../../lab/topology.ts';
import type { Figure, Measurement } from '../report/measurement.ts';

const GOAL = { kind: 'most', p50: 300 } as const;
const MS = 'ms';
const FIRST_PACKET_TIMEOUT_MS = 20_000;
const NOTE =
  "from the start of the process, wrappers that enter its namespace included, to the kernel's time stamp at the switch";
/** Priority 255 owns at once (RFC 9568 section 6.4.1): no timer is in the figure. */
const ADDRESS_OWNER: Scenario = { ...DEFAULT_SCENARIO, advertisementIntervalMs: 100, priority: { a: 255, b: 100 } };

/** How soon a started agent is on the wire. */
export async function start(runs: number): Promise<Measurement[]> {
  const advertisement = 'ip proto 112';
  const keepalived = await firstPackets(runs, advertisement, async (topology) => {
    return new KeepalivedAgent(topology, 'a', ADDRESS_OWNER, KEEPALIVED_DEFAULTS);
  });
  const plain = await firstPackets(runs, advertisement, async (topology) => {
    return new TiebreakAgent(topology, 'a', ADDRESS_OWNER, VIRTUAL_ROUTER_DEFAULTS, undefined);
  });
  const lease = await firstPackets(runs, 'udp dst port 3112', async (topology) => {
    return (await tiebreakSystem(topology, DEFAULT_SCENARIO)).agents.a;
  });
  return [
    {
      id: 'start-vrrp',
      title: 'start to the first advertisement, mode "vrrp", priority 255',
      goal: GOAL,
      tiebreak: plain,
      compared: { with: 'keepalived', figure: keepalived },
      note: NOTE,
    },
    { id: 'start-lease', title: 'start to the first sideband hello', goal: GOAL, tiebreak: lease, note: NOTE },
  ];
}

async function firstPackets(
  runs: number,
  filter: string,
  agentIn: (topology: Topology) => Promise<Agent>,
): Promise<Figure> {
  const topology = await Topology.create();
  try {
    const agent = await agentIn(topology);
    const values: number[] = [];
    // The first start fills caches of the disk and of compiled code, as an installation does.
    for (let run = 0; run <= runs; run += 1) {
      let firstUs: number | undefined;
      const capture = await Capture.start(
        topology,
        { place: 'switch', interfaceName: PORTS.a.lan, filter, incomingOnly: true },
        ({ atUs }) => {
          firstUs ??= atUs;
        },
      );
      const startedUs = (performance.timeOrigin + performance.now()) * 1_000;
      await agent.start();
      const atUs = await waitFor('the first packet', FIRST_PACKET_TIMEOUT_MS, () => firstUs);
      if (run > 0) values.push((atUs - startedUs) / 1_000);
      await agent.terminate();
      await capture.stop();
      await sleep(200);
    }
    return { values, unit: MS };
  } finally {
    topology.close();
  }
}
