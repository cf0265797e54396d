import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineKilled, everythingKilled, type Fault, frozen, hostLost, linkCut } from './faults.ts';
import { expectNeverTwo, expectUntouched, type HardeningLab, hardeningLab, takeovers, watched } from './hardening.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { signalAll, waitFor } from './process.ts';
import { other } from './system.ts';
import type { HostName } from './topology.ts';

// A second misfortune while a handover is under way, and a wall clock that jumps.

let bench: HardeningLab;
let folder: string;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  folder = mkdtempSync(join(tmpdir(), 'tb-clock-'));
  const clockModule = new URL('clock-jumps.ts', import.meta.url).href;
  for (const host of ['a', 'b'] as const) setClock(host, 0);
  bench = await hardeningLab({
    environmentOf: (host) => ({ NODE_OPTIONS: `--import=${clockModule}`, LAB_CLOCK_FILE: join(folder, host) }),
  });
  await bench.lab.steady();
});
afterAll(async () => {
  await bench?.lab.close();
  if (folder !== undefined) rmSync(folder, { recursive: true });
});

const said = (): string => bench.lab.logs();

function setClock(host: HostName, shiftMs: number): void {
  writeFileSync(join(folder, host), String(shiftMs));
}

describe('the wall clock of a host is set', () => {
  const HOUR_MS = 3_600_000;

  test.for<[string, number]>([
    ['forward on the owner and back on the backup', HOUR_MS],
    ['back on the owner and forward on the backup', -HOUR_MS],
  ])('by an hour %s: nothing moves, also when the link is cut then', async ([, shiftMs]) => {
    const { lab, system, topology } = bench;
    const owner = await lab.steady();
    const cut = linkCut(topology);
    const seen = await watched(
      lab,
      async () => {
        setClock(owner, shiftMs);
        setClock(other(owner), -shiftMs);
        await sleep(2_000);
        await cut.inject();
        await sleep(3_000);
        await cut.heal();
        await lab.steady();
        for (const host of ['a', 'b'] as const) setClock(host, 0);
        await sleep(1_000);
      },
      500,
    );
    expectUntouched(seen, 6_000, said);
    for (const agent of Object.values(system.agents)) {
      const hours =
        agent
          .log()
          .match(/"time":"[^:]*:[^:]*/g)
          ?.map((time) => time.slice(0, 21)) ?? [];
      expect(new Set(hours).size, 'the clock of each has jumped').toBeGreaterThan(1);
    }
    await lab.steady();
  });
});

describe('while the owner is being stopped', () => {
  /** SIGTERM, and `delayMs` later the fault. */
  async function stopAndThen(fault: Fault, owner: HostName, delayMs: number): Promise<void> {
    const { lab, system, topology } = bench;
    const before = takeovers(system, other(owner));
    const stopping = system.agents[owner].watcherPid();
    const seen = await watched(
      lab,
      async () => {
        system.agents[owner].askToStop();
        await sleep(delayMs);
        await fault.inject();
        await sleep(2_500);
      },
      0,
    );
    await fault.heal();
    // It answers until its departure is confirmed; what runs after that was started by the fault's healing.
    const agent = system.agents[owner];
    await waitFor(`the agent of ${owner} that was asked to stop has ended`, 10_000, async () => {
      const ended = !(await topology.pids(owner)).includes(stopping);
      // The kernel forgets a process before this one hears of its end.
      return ended && !(agent.running && agent.watcherPid() === stopping) ? true : undefined;
    });
    if (!agent.running) await agent.start();
    expectNeverTwo(seen, 2_500, said);
    expect(seen, said()).toMatchObject({ before: owner, after: other(owner) });
    expect(takeovers(system, other(owner)) - before).toBe(1);
  }

  test.for([0, 5])('the link is cut after %i ms: one successor, never two', async (delayMs) => {
    const { lab, topology } = bench;
    await stopAndThen(linkCut(topology), await lab.steady(), delayMs);
  });

  test.for([3])('the host is lost after %i ms: one successor, never two', async (delayMs) => {
    const { lab, system, topology } = bench;
    const owner = await lab.steady();
    await stopAndThen(hostLost(topology, system.agents[owner]), owner, delayMs);
  });

  test.for([2])('SIGTERM comes again after %i ms: one successor, never two', async (delayMs) => {
    const { lab, system } = bench;
    const owner = await lab.steady();
    const again = { inject: async () => system.agents[owner].askToStop(), heal: async () => undefined };
    await stopAndThen(again, owner, delayMs);
  });
});

test('the engine of the new owner is killed within 50 ms of its promotion, 6 times: never two owners', async () => {
  const { lab, system, topology } = bench;
  for (let round = 0; round < 6; round += 1) {
    await withoutCrashes('a');
    await withoutCrashes('b');
    const owner = await lab.steady();
    const successor = other(owner);
    const pid = await system.agents[successor].enginePid();
    // In turn: the old owner is there again while the new one dies, or stands still and goes on later.
    const fault = round % 2 === 0 ? engineKilled(system.agents[owner]) : frozen(topology, owner);
    const seen = await watched(
      lab,
      async () => {
        await fault.inject();
        await promoted(successor);
        await sleep(10 * round);
        signalAll([pid], 'SIGKILL');
        await sleep(800);
        await fault.heal();
        await lab.steady();
      },
      300,
    );
    expectNeverTwo(seen, 1_000, said);
    expect(seen.changes.at(0), said()).toMatchObject({ from: owner, to: successor });
  }
});

/** A guardian that has seen two crashes holds its engine back for a while: the host gets a new one. */
async function withoutCrashes(host: HostName): Promise<void> {
  const { system, topology } = bench;
  const restart = everythingKilled(topology, system.agents[host]);
  await restart.inject();
  await waitFor(`host ${host} is empty`, 5_000, async () => (system.agents[host].running ? undefined : true));
  await restart.heal();
  await system.agents[host].enginePid();
}

/** Returns within milliseconds of its first answer. */
async function promoted(host: HostName): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (!bench.lab.prober.answering(20).includes(host)) {
    if (performance.now() > deadline) throw new Error(`${host} has not taken over\n${said()}`);
    await sleep(1);
  }
}
