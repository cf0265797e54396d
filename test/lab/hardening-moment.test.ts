import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Analysis, analyse } from './analysis.ts';
import { engineKilled } from './faults.ts';
import {
  expectNeverTwo,
  type HardeningLab,
  hardeningLab,
  heldBefore,
  lastAnswerUs,
  takeovers,
  watched,
} from './hardening.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { run } from './process.ts';
import { DEFAULT_SCENARIO, other } from './system.ts';

// An engine that stops in the worst moment, or hardly runs at all.

const { advertisementIntervalMs } = DEFAULT_SCENARIO;
/** L2: the holder believes 0.75 of a promise of 2.5 intervals, counted from before it asked. */
const LEASE_MS = 0.75 * 2.5 * advertisementIntervalMs;
/** As agent/kernel/fence/arithmetic.ts has it: an eighth of the interval. */
const SENTINEL_MS = advertisementIntervalMs / 8;
const ROUNDS = 20;
const SHORT_ROUNDS = 10;
const OPEN_ROUNDS = 5;

let bench: HardeningLab;
beforeAll(async () => {
  requireTools([...LAB_TOOLS, 'taskset', 'renice', 'chrt']);
  bench = await hardeningLab();
  await bench.lab.steady();
});
afterAll(() => bench?.lab.close());

const said = (): string => bench.lab.logs();

describe('stopped between the reading of the clock and the act of the fence', () => {
  test(`for longer than the lease: the late REFRESH takes no effect, ${ROUNDS} times`, async () => {
    const { lab, system, topology } = bench;
    const lateMs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const owner = await lab.steady();
      const fromUs = lab.prober.nowUs() - 100_000;
      const holdMs = 1.6 * LEASE_MS + round * 25;
      const { heldUs, releasedUs } = await heldBefore(
        topology,
        await system.agents[owner].enginePid(),
        'refresh',
        holdMs,
      );
      await sleep(700);
      const toUs = lab.prober.nowUs();
      const seen = analyse(lab.prober.between(fromUs, toUs));
      expectNeverTwo(seen, (toUs - fromUs) / 1_000, said);
      expect(seen, said()).toMatchObject({ before: owner, after: other(owner) });
      expect(seen.changes, said()).toHaveLength(1);
      const endedMs = (lastAnswerUs(lab, owner, fromUs, toUs) - heldUs) / 1_000;
      // To the millisecond: the tracer's clock, and a tick of the kernel's.
      expect(endedMs, said()).toBeLessThan(LEASE_MS + 5);
      expect(releasedUs - heldUs).toBeGreaterThan(LEASE_MS * 1_000);
      lateMs.push(endedMs);
    }
    console.info(
      `held before REFRESH: the last answer ${lateMs.map(Math.round).join(', ')} ms later, allowed ${LEASE_MS}`,
    );
  });

  test(`for longer than the sentinel lives: the owner refreshes anew, and nobody notices, ${SHORT_ROUNDS} times`, async () => {
    const { lab, system, topology } = bench;
    const owner = await lab.steady();
    const pid = await system.agents[owner].enginePid();
    const seen = await watched(
      lab,
      async () => {
        for (let round = 0; round < SHORT_ROUNDS; round += 1) {
          await heldBefore(topology, pid, 'refresh', 1.3 * SENTINEL_MS + 4 * round);
          await sleep(300);
        }
      },
      500,
    );
    expectNeverTwo(seen, SHORT_ROUNDS * 300, said);
    expect(seen, said()).toMatchObject({ moved: false, client: { lost: 0 } });
  });

  test(`in a takeover, before OPEN: the late OPEN takes no effect, ${OPEN_ROUNDS} times`, async () => {
    const { lab, system, topology } = bench;
    for (let round = 0; round < OPEN_ROUNDS; round += 1) {
      const owner = await lab.steady();
      const fromUs = lab.prober.nowUs() - 100_000;
      const successor = await system.agents[other(owner)].enginePid();
      const kill = engineKilled(system.agents[owner]);
      const { heldUs, releasedUs } = await heldBefore(topology, successor, 'open', 1.6 * LEASE_MS, kill.inject);
      await sleep(700);
      const toUs = lab.prober.nowUs();
      expectNeverTwo(analyse(lab.prober.between(fromUs, toUs)), (toUs - fromUs) / 1_000, said);
      const meanwhile = lab.prober.between(heldUs + 5_000, releasedUs);
      expect(meanwhile.filter((line) => line.kind.endsWith('answer'))).toEqual([]);
    }
  });
});

describe('starved of the processor', () => {
  /** The only processor that the owner's engine may use, and that the hogs occupy. */
  const cpu = String(availableParallelism() - 1);
  const HOGS = 3;
  const STARVED_MS = 6_000;

  /** What the client saw while hogs, started by `wrapper`, had that processor, and the owner afterwards. */
  async function starve(pid: number, wrapper: readonly string[]): Promise<Analysis> {
    const { lab, system, topology } = bench;
    const before = takeovers(system, 'a') + takeovers(system, 'b');
    const seen = await watched(
      lab,
      async () => {
        await run('taskset', ['-apc', cpu, String(pid)]);
        const hogs = Array.from({ length: HOGS }, (_, index) =>
          topology.spawn('switch', {
            command: 'taskset',
            args: ['-c', cpu, ...wrapper, process.execPath, '-e', 'for (;;);'],
            logFile: join(topology.folder, `hog-${index}`),
          }),
        );
        await sleep(STARVED_MS);
        await Promise.all(hogs.map((hog) => hog.stop(0)));
        await lab.steady();
      },
      500,
    );
    console.info(`starved for ${STARVED_MS} ms: ${seen.changes.length} moves, ${seen.client.lostMs} ms lost`);
    expectNeverTwo(seen, STARVED_MS, said);
    expect(takeovers(system, 'a') + takeovers(system, 'b') - before, said()).toBe(seen.changes.length);
    return seen;
  }

  test('it has a share of it: no two owners, and every move is one that the agents explain', async () => {
    const pid = await bench.system.agents[await bench.lab.steady()].enginePid();
    await run('chrt', ['--other', '--pid', '0', String(pid)]);
    await run('renice', ['-n', '19', '-p', String(pid)]);
    await starve(pid, []);
    await run('taskset', ['-apc', `0-${cpu}`, String(pid)]);
    await run('renice', ['-n', '-15', '-p', String(pid)]);
    await run('chrt', ['--rr', '--reset-on-fork', '--pid', '1', String(pid)]);
  });

  test('others in real time leave it nothing: it loses the group once, and its guardian ends it', async () => {
    const owner = await bench.lab.steady();
    const seen = await starve(await bench.system.agents[owner].enginePid(), ['chrt', '--fifo', '2']);
    expect(seen).toMatchObject({ before: owner, after: other(owner) });
    expect(seen.changes, said()).toHaveLength(1);
    expect(bench.system.agents[owner].log()).toContain('the engine made no progress for');
  });
});
