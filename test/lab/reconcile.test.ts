import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Analysis, analyse } from './analysis.ts';
import { Capture } from './capture.ts';
import { Laboratory } from './laboratory.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { waitFor } from './process.ts';
import { other } from './system.ts';
import { type TiebreakAgent, tiebreakAgentOf } from './tiebreak.ts';
import { type HostName, NETWORK, type PlaceName, PORTS } from './topology.ts';

// What other programs and the hardware do to a host, and how soon it is as it should be again.

const { virtualAddress, lanInterface, hosts, prefixLength } = NETWORK;
const SECONDS_WATCHED = 12;
const ANNOUNCER = fileURLToPath(new URL('announce-by-force.ts', import.meta.url));

let lab: Laboratory;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  lab = await Laboratory.create('tiebreak');
  await lab.steady();
});
afterAll(() => lab?.close());

async function during(act: () => Promise<unknown>): Promise<Analysis> {
  const fromUs = lab.prober.nowUs() - 300_000;
  await act();
  await sleep(1_500);
  return analyse(lab.prober.between(fromUs, lab.prober.nowUs()));
}

const script = (place: PlaceName, name: string, ...args: string[]) =>
  lab.topology.inside(place, process.execPath, [fileURLToPath(new URL(name, import.meta.url)), ...args]);

const ip = (place: PlaceName, ...args: string[]) => lab.topology.inside(place, 'ip', args);

const hasAddress = async (host: HostName, device: string = lanInterface) =>
  (await ip(host, '-o', 'addr', 'show', 'dev', device)).includes(` ${virtualAddress}/`);

const logOf = (host: HostName) => lab.system.agents[host].log();

const tiebreakOn = (host: HostName): TiebreakAgent => tiebreakAgentOf(lab.system, host);

/** How many lines a host has logged about something. */
const linesOf = (host: HostName, text: string) => logOf(host).split(text).length - 1;

const logged = (host: HostName, text: string, before: number) =>
  waitFor(`'${text}' in the log of ${host}`, 5_000, async () => linesOf(host, text) > before || undefined);

/** What remains while this agent keeps putting one back is told as a failure, after ten rounds. */
async function flushAddresses(host: HostName): Promise<void> {
  await ip(host, 'addr', 'flush', 'dev', lanInterface).catch((error: Error) => {
    if (!error.message.includes('Flush remains incomplete')) throw error;
  });
}

async function restoreOwnAddress(host: HostName): Promise<void> {
  await ip(host, 'addr', 'add', `${hosts[host].lan}/${prefixLength}`, 'dev', lanInterface);
  await ip(
    host,
    'neigh',
    'replace',
    NETWORK.probe.lan,
    'lladdr',
    NETWORK.probe.mac,
    'dev',
    lanInterface,
    'nud',
    'permanent',
  );
}

test('another program flushes the addresses at the owner: the virtual one is back at once, and has not moved', async () => {
  const owner = await lab.steady();
  const seen = await during(async () => {
    await flushAddresses(owner);
    await restoreOwnAddress(owner);
  });
  console.log(`addresses flushed at the owner: ${seen.client.lost} of ${seen.client.sent} echoes lost`);
  expect(seen, lab.logs()).toMatchObject({ twoOwnersMs: 0, moved: false });
  expect(seen.client.lost).toBeLessThan(0.05 * seen.client.sent);
  expect(await hasAddress(owner)).toBe(true);
  expect(linesOf(owner, 'another program removed')).toBe(1);
  expect(await lab.steady()).toBe(owner);
  // Ours was there first, and so it is the primary one of its network: the host's own must not go with it.
  expect(await tiebreakOn(owner).handOver()).toEqual({ taken: true });
  await waitFor('the address has gone', 5_000, async () => !(await hasAddress(owner)) || undefined);
  expect(await ip(owner, '-o', 'addr', 'show', 'dev', lanInterface)).toContain(` ${hosts[owner].lan}/`);
  expect(await lab.steady()).toBe(other(owner));
});

test('the same at the backup: nobody notices, and the virtual address does not come', async () => {
  const backup = other(await lab.steady());
  const seen = await during(async () => {
    await flushAddresses(backup);
    await restoreOwnAddress(backup);
  });
  expect(seen).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });
  expect(await hasAddress(backup)).toBe(false);
});

test("an address with tiebreak's mark at the backup goes", async () => {
  const backup = other(await lab.steady());
  const seen = await during(() => script(backup, 'put-address.ts', lanInterface, virtualAddress));
  expect(seen).toMatchObject({ twoOwnersMs: 0, moved: false, client: { lost: 0 } });
  expect(await hasAddress(backup)).toBe(false);
  expect(linesOf(backup, `removed ${virtualAddress} from ${lanInterface}: it was there`)).toBe(1);
});

test('an interface that comes later is fenced', async () => {
  const backup = other(await lab.steady());
  const stranger = '10.99.0.2';
  await ip(backup, 'link', 'add', 'late', 'type', 'veth', 'peer', 'name', 'late-peer');
  await ip(backup, 'link', 'set', 'late-peer', 'netns', lab.topology.namespace('witness'));
  await ip('witness', 'addr', 'add', `${stranger}/24`, 'dev', 'late-peer');
  await ip('witness', 'link', 'set', 'late-peer', 'up');
  await ip(backup, 'link', 'set', 'late', 'up');
  await logged(backup, 'interface late has come', 0);
  await ip('witness', 'route', 'add', virtualAddress, 'dev', 'late-peer');
  const resolves = async (address: string) => {
    await lab.topology.inside('witness', 'bash', ['-c', `echo >/dev/udp/${address}/9`]);
    // The kernel lets nothing out through a link that has just come up, for up to a second, and asks three times.
    await sleep(2_500);
    return (await ip('witness', 'neigh', 'show', 'to', address, 'dev', 'late-peer')).includes('lladdr');
  };
  // Without our mark, so that it stays: somebody put it there by hand.
  await ip(backup, 'addr', 'add', '10.99.0.1/24', 'dev', 'late');
  await ip(backup, 'addr', 'add', `${virtualAddress}/32`, 'dev', 'late');
  expect(await resolves('10.99.0.1')).toBe(true);
  expect(await resolves(virtualAddress)).toBe(false);
  await ip(backup, 'link', 'del', 'late');
  // Put up again by its successor, which is another interface with the same name.
  await ip(backup, 'link', 'add', 'late', 'type', 'veth', 'peer', 'name', 'late-peer');
  await ip(backup, 'link', 'set', 'late', 'up');
  await logged(backup, 'interface late has come', 1);
  await ip(backup, 'link', 'del', 'late');
});

test('a third host announces the address: the client is back within a second, and no war is waged', async () => {
  const owner = await lab.steady();
  await ip(
    'switch',
    'link',
    'add',
    'lan-w',
    'type',
    'veth',
    'peer',
    'name',
    'lan0',
    'netns',
    lab.topology.namespace('witness'),
  );
  await ip('switch', 'link', 'set', 'lan-w', 'master', 'lan', 'up');
  await ip('witness', 'link', 'set', 'lan0', 'up');
  let ours = 0;
  const filter = `ether src ${hosts[owner].mac} and arp src host ${virtualAddress} and arp dst host ${virtualAddress}`;
  const capture = await Capture.start(lab.topology, { place: 'client', interfaceName: lanInterface, filter }, () => {
    ours += 1;
  });
  const announce = async (count: number) => {
    const args = [ANNOUNCER, 'lan0', virtualAddress, String(count), '100'];
    const logFile = join(lab.topology.folder, 'announcer.log');
    await lab.topology.spawn('witness', { command: process.execPath, args, logFile }).exited;
  };

  const once = await during(() => announce(1));
  expect(once, lab.logs()).toMatchObject({ twoOwnersMs: 0, moved: false });
  console.log(`one foreign announcement: ${ours} of ours, the client's longest hole ${once.client.longestHoleMs} ms`);
  expect(ours).toBeGreaterThan(0);
  expect(once.client.longestHoleMs).toBeLessThan(1_000);
  expect(await ip('client', 'neigh', 'show', 'to', virtualAddress)).toContain(hosts[owner].mac);
  const status = await tiebreakOn(owner).group();
  expect(status?.reason).toContain(`announces ${virtualAddress}, which is owned here`);

  // The first contest is over, and so are its repeats.
  await sleep(11_000);
  ours = 0;
  await announce(10 * SECONDS_WATCHED);
  console.log(`${10 * SECONDS_WATCHED} foreign announcements in ${SECONDS_WATCHED} s: ${ours} of ours`);
  expect(ours).toBeGreaterThanOrEqual(5);
  // Five series, of which each but the last gets to its second announcement at most, and one answer after 10 s or two.
  expect(ours).toBeLessThanOrEqual(4 * 2 + 5 + 2);
  await capture.stop();
  await ip('switch', 'link', 'del', 'lan-w');
  await lab.steady();
});

test('the carrier at the backup is lost and comes back: the log says so within 100 ms', async () => {
  const backup = other(await lab.steady());
  const port = PORTS[backup].lan;
  for (const [state, text] of [
    ['down', `the link of ${lanInterface} is lost`],
    ['up', `the link of ${lanInterface} is back`],
  ] as const) {
    const before = linesOf(backup, text);
    const startedMs = Date.now();
    await ip('switch', 'link', 'set', port, state);
    await logged(backup, text, before);
    const line =
      logOf(backup)
        .split('\n')
        .findLast((candidate) => candidate.includes(text)) ?? '';
    console.log(`carrier ${state}: noticed after ${timeOf(line) - startedMs} ms`);
    expect(timeOf(line) - startedMs).toBeLessThan(100);
    // The kernel tells of a link at most once a second, but of the first change at once.
    await sleep(1_500);
  }
  await lab.steady();
});

function timeOf(line: string): number {
  const time = /"time":"?([^",]+)"?/.exec(line)?.[1] ?? '';
  return /^\d+$/.test(time) ? Number(time) : Date.parse(time);
}

test("the owner's interface gets another MAC address: its neighbours learn of it, and a stop leaves no address behind", async () => {
  const owner = await lab.steady();
  const mac = '02:00:5e:99:00:01';
  const again = `interface ${lanInterface} has come again`;
  const before = linesOf(owner, again);
  expect(await ip('client', 'neigh', 'show', 'to', virtualAddress)).toContain(hosts[owner].mac);
  await ip(owner, 'link', 'set', 'dev', lanInterface, 'address', mac);
  await logged(owner, again, before);
  await waitFor('the client knows it', 2_000, async () =>
    (await ip('client', 'neigh', 'show', 'to', virtualAddress)).includes(mac) ? true : undefined,
  );
  expect(await hasAddress(owner)).toBe(true);
  await lab.system.agents[owner].terminate();
  expect(await hasAddress(owner)).toBe(false);
});
