import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Holder, Namespaces, VIRTUAL_ADDRESS } from './namespaces.ts';

const GROUP = 7;
const INTERVAL_US = 100_000;
const SENTINEL_MS = 12;
const ROUNDS = 20;
const PAIRS = Number(process.env.FENCE_PAIRS ?? 3_000);

let namespaces: Namespaces;
let holder: Holder;

beforeAll(async () => {
  namespaces = await Namespaces.create('e');
  holder = namespaces.start();
  const options = {
    groups: [
      { id: GROUP, addresses: [VIRTUAL_ADDRESS], virtualRouters: [], gatewayInterfaces: [], intervalUs: INTERVAL_US },
    ],
    interfaces: ['eth0'],
    sideband: [],
  };
  expect(await holder.ask({ do: 'install', options })).toMatchObject({ ok: true });
});

afterAll(() => namespaces.remove());

/** Asks for an echo every 2 ms, and notes by the kernel's clock when answers came. */
async function probe(): Promise<() => Promise<number[]>> {
  const inClient = ['netns', 'exec', namespaces.client];
  const filter = ['icmp', 'and', 'src', 'host', VIRTUAL_ADDRESS];
  const capture = spawn('ip', [...inClient, 'tcpdump', '-tt', '-l', '-n', '--immediate-mode', '-i', 'eth0', ...filter]);
  let output = '';
  capture.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await once(capture.stderr, 'data');
  const ping = spawn('ip', [...inClient, 'ping', '-qn', '-i', '0.002', VIRTUAL_ADDRESS], { stdio: 'ignore' });
  return async () => {
    ping.kill('SIGINT');
    await sleep(200);
    capture.kill('SIGINT');
    await once(capture, 'close');
    return [...output.matchAll(/^(\d+\.\d+) IP/gm)].map((match) => Number(match[1]) * 1e6);
  };
}

function confirmedUntil(answer: unknown): number {
  if (typeof answer !== 'object' || answer === null || !('expiresAtUs' in answer)) {
    throw new Error(`not confirmed: ${JSON.stringify(answer)}`);
  }
  return Number(answer.expiresAtUs);
}

async function wallMinusBoottimeUs(): Promise<number> {
  const now = await holder.ask({ do: 'now' });
  if (typeof now !== 'object' || now === null || !('wallUs' in now) || !('boottimeUs' in now))
    throw new Error('no clock');
  return Number(now.wallUs) - Number(now.boottimeUs);
}

it('the kernel stops answering by itself, no later than the fence said, while the process is frozen', async () => {
  // The client has the holder's MAC address before anything counts: a question that nobody answers is repeated after 1 s.
  await holder.ask({ do: 'open', group: GROUP, leaseMs: 1_000 });
  const stopProbe = await probe();
  await sleep(500);
  expect(await holder.ask({ do: 'close', group: GROUP })).toMatchObject({ confirmed: true });
  const offsetUs = await wallMinusBoottimeUs();
  const closesUs: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const leaseMs = 150 + round * 17;
    await holder.ask({ do: 'open', group: GROUP, leaseMs });
    await holder.ask({ do: 'refresh', group: GROUP, leaseMs });
    closesUs.push(confirmedUntil(await holder.ask({ do: 'refresh', group: GROUP, leaseMs })) + offsetUs);
    holder.signal('SIGSTOP');
    await sleep(leaseMs + 60);
    holder.signal('SIGCONT');
    expect(await holder.ask({ do: 'refresh', group: GROUP, leaseMs: 1_000 })).toMatchObject({ reason: 'expired' });
    expect(await holder.ask({ do: 'close', group: GROUP })).toMatchObject({ confirmed: true });
  }
  const answersUs = await stopProbe();
  const latenessUs = closesUs.map((closeUs, round) => {
    const next = closesUs[round + 1] ?? Number.POSITIVE_INFINITY;
    // The next round opens 60 ms after this one's lease, and its lease is at least 150 ms long.
    const ofThisRound = answersUs.filter((answerUs) => answerUs < Math.min(next - 150_000, closeUs + 55_000));
    return (ofThisRound.at(-1) ?? 0) - closeUs;
  });
  console.log(`last answer, ms after the bound: ${latenessUs.map((us) => (us / 1000).toFixed(1)).join(' ')}`);
  // The bound counts the sentinel in full, and the kernel and the prober have their grain.
  expect(Math.max(...latenessUs)).toBeLessThanOrEqual(0);
  expect(Math.min(...latenessUs)).toBeGreaterThan(-(SENTINEL_MS + 20) * 1000);
}, 60_000);

it(`${PAIRS} refreshes in a row are all taken`, async () => {
  await holder.ask({ do: 'open', group: GROUP, leaseMs: 1_500 });
  const result = await holder.ask({ do: 'timeRefreshes', group: GROUP, count: PAIRS, leaseMs: 1_500 });
  console.log(`refresh: ${JSON.stringify(result)}`);
  expect(result).toMatchObject({ refused: 0 });
});

it('a close is confirmed every time, without netlink', async () => {
  const result = await holder.ask({ do: 'timeCloses', group: GROUP, count: 500, leaseMs: 1_500 });
  console.log(`close: ${JSON.stringify(result)}`);
  expect(result).toMatchObject({ refused: 0 });
});
