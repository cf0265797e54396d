import { setTimeout as sleep } from 'node:timers/promises';
import { BusyPair, type BusySystem } from '../pair/busy-pair.ts';
import { Collected, type Growth } from './growth.ts';

const INTERVAL_MS = 1_000;
const WARM_UP_MS = 8_000;
const WINDOWS = 3;
const WINDOW_S = 5;

/** One pair with ever more virtual routers, on as many interfaces as it takes, with each program. */
export async function growRouters(sizes: readonly number[], doing: (text: string) => void): Promise<Growth> {
  const collected = new Collected();
  for (const routers of sizes) {
    for (const system of [
      { program: 'keepalived' },
      { program: 'tiebreak', arrangement: 'vrrp', ownBinary: true },
    ] as const) {
      doing(`${routers} virtual routers, ${system.program}`);
      try {
        await measure(system, routers, collected);
      } catch (error) {
        collected.failed.push(`${routers}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }
  return {
    title: 'One host',
    sizes: 'virtual routers on a host, mode "vrrp", 1 s',
    series: collected.series,
    failed: collected.failed,
  };
}

async function measure(system: BusySystem, routers: number, collected: Collected): Promise<void> {
  const pair = await BusyPair.start(system, { routers, intervalMs: INTERVAL_MS });
  try {
    await sleep(WARM_UP_MS);
    const windows = [];
    for (let count = 0; count < WINDOWS; count += 1) windows.push(await pair.window(WINDOW_S));
    const usurped = windows.reduce((sum, window) => sum + window.usurped, 0);
    if (usurped > 0) collected.failed.push(`${routers}: ${system.program}'s backup took over while the owner was well`);
    const { program } = system;
    const share = (ns: number, seconds: number) => ns / 1e7 / seconds;
    collected.add(
      `${program}, owner`,
      '% of a core',
      routers,
      windows.map((each) => share(each.senderNs, each.seconds)),
    );
    collected.add(
      `${program}, backup`,
      '% of a core',
      routers,
      windows.map((each) => share(each.receiverNs, each.seconds)),
    );
    collected.add(`${program}, owner's memory`, 'MiB', routers, [(await pair.memory('a')).allKib / 1_024]);
  } finally {
    await pair.close();
  }
}
