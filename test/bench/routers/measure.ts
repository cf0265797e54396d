import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writeApi } from '../../../agent/cli/local-api.ts';
import { Capture } from '../../lab/capture.ts';
import { run, waitFor } from '../../lab/process.ts';
import { agentScript } from '../../lab/tiebreak.ts';
import { NETWORK, PORTS, Topology } from '../../lab/topology.ts';

const INTERVAL_MS = 250;
const START_TIMEOUT_MS = 60_000;
const ETHERNET_AND_IPV4 = 14 + 20;

export type Measured = {
  readonly checkMs: readonly number[];
  readonly statusMs: readonly number[];
  /** One group has another priority each time. */
  readonly reloadMs: readonly number[];
  /** Of each advertisement: by how much more than an interval it came after the one before it of the same virtual router. */
  readonly latenessMs: readonly number[];
};

type Setting = { readonly routers: number; readonly seconds: number; readonly hangingChecks: boolean };

/** One agent, alone on its network, that owns all its virtual routers; seen from the switch, with the kernel's time stamps. */
export async function measureRouters({ routers, seconds, hangingChecks }: Setting): Promise<Measured> {
  const topology = await Topology.create();
  try {
    const file = join(topology.folderOf('agent'), 'tiebreak.toml');
    writeFileSync(file, configuration(topology, routers, hangingChecks));
    const checkMs = await timed(() => run(process.execPath, [agentScript(), 'check', '--config', file]));
    const agent = topology.spawn('a', {
      command: process.execPath,
      args: [agentScript(), 'run', '--config', file, '--log-level', 'error'],
      logFile: join(topology.folderOf('agent'), 'log'),
    });
    const seen = new Map<number, number>();
    let latenessMs: number[] = [];
    const capture = await Capture.start(
      topology,
      { place: 'switch', interfaceName: PORTS.a.lan, filter: 'ip proto 112' },
      ({ atUs, bytes }) => {
        const id = bytes[ETHERNET_AND_IPV4 + 1] ?? 0;
        const before = seen.get(id);
        if (before !== undefined) latenessMs.push((atUs - before) / 1_000 - INTERVAL_MS);
        seen.set(id, atUs);
      },
    );
    await waitFor('every virtual router is active', START_TIMEOUT_MS, () => seen.size === routers || undefined);
    await sleep(3_000);
    latenessMs = [];
    await sleep(seconds * 1_000);
    const during = latenessMs;
    await capture.stop();
    const statusMs = await timed(() => run(process.execPath, [agentScript(), 'status', '--config', file]));
    let priority = 100;
    const reloadMs = await timed(() => {
      priority += 1;
      const changed = readFileSync(file, 'utf8').replace(
        /(virtual_router_id = 1\n)(priority = \d+\n)?/,
        `$1priority = ${priority}\n`,
      );
      writeFileSync(file, changed);
      return reload(join(topology.runFolderOf('agent'), 'api.sock'));
    });
    await agent.stop(10_000);
    return { checkMs, statusMs, reloadMs, latenessMs: during };
  } finally {
    topology.close();
  }
}

function configuration(topology: Topology, routers: number, hangingChecks: boolean): string {
  const groups = Array.from({ length: routers }, (_, index) => {
    const check = hangingChecks
      ? '[[group.check]]\nname = "hangs"\ncommand = ["/bin/sleep", "60"]\ntimeout = "60s"\nweight = 1\n'
      : '';
    return `[[group]]
name = "g${index + 1}"
mode = "vrrp"
${check}[[group.virtual_router]]
interface = "${NETWORK.lanInterface}"
virtual_router_id = ${index + 1}
advertisement_interval = "${INTERVAL_MS}ms"
addresses = ["10.77.1.${index + 1}/32"]
`;
  });
  return `node = "a"\nstate_dir = "${topology.folderOf('agent', 'state')}"\nrun_dir = "${topology.runFolderOf('agent')}"\n${groups.join('')}`;
}

/** Without the time in which a command starts. */
async function reload(path: string): Promise<void> {
  const answer = await writeApi({ kind: 'socket', path }, '/v1/reload', {}, START_TIMEOUT_MS);
  if (!answer.ok) throw new Error(answer.error);
}

async function timed(act: () => Promise<unknown>): Promise<number[]> {
  const took: number[] = [];
  for (let run = 0; run < 5; run += 1) {
    const startedMs = performance.now();
    await act();
    took.push(performance.now() - startedMs);
  }
  return took;
}
