import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { ExtraHost } from './extra-host.ts';
import { Laboratory } from './laboratory.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { other, witnessOf } from './system.ts';
import { type HostName, NETWORK } from './topology.ts';

// What `tiebreak doctor` says of a healthy pair, and of one thing after the other that is wrong.

const { virtualAddress, lanInterface, hosts } = NETWORK;
const BIN = fileURLToPath(new URL('../../agent/cli/tiebreak.ts', import.meta.url));
const STRANGER = '10.77.0.66';
/** What the machine that runs the lab may be like. */
const OF_THE_MACHINE = ['clock', 'rulesets', 'systemd unit'];

const Report = z.object({
  findings: z.array(
    z.object({
      level: z.enum(['ok', 'warning', 'problem']),
      topic: z.string(),
      found: z.string(),
      remedy: z.string().optional(),
    }),
  ),
});
type Report = z.infer<typeof Report> & { readonly code: number };

let lab: Laboratory;
let stranger: ExtraHost;
let runs = 0;
beforeAll(async () => {
  requireTools(LAB_TOOLS);
  lab = await Laboratory.create('tiebreak');
  stranger = await ExtraHost.create(lab.topology, 'stranger', `${STRANGER}/24`, { to: 'lan' });
  await lab.steady();
});
afterAll(async () => {
  await lab?.close();
  await stranger?.close();
});

async function doctor(host: HostName): Promise<Report> {
  const logFile = join(lab.topology.folder, `doctor-${runs++}`);
  const config = join(lab.topology.folder, `tiebreak-${host}`, 'tiebreak.toml');
  const script = 'stdout=$1; shift; "$@" > "$stdout"; echo $? > "$stdout.code"';
  const args = [
    '-c',
    script,
    'doctor',
    `${logFile}.json`,
    process.execPath,
    BIN,
    'doctor',
    '--json',
    '--config',
    config,
  ];
  await lab.topology.spawn(host, { command: 'bash', args, logFile }).exited;
  const { findings } = Report.parse(JSON.parse(readFileSync(`${logFile}.json`, 'utf8')));
  return { findings, code: Number(readFileSync(`${logFile}.json.code`, 'utf8')) };
}

/** `level topic: found` of all that is not well, but for the machine's own. */
function complaints({ findings }: Report): string[] {
  return findings
    .filter(({ level, topic }) => level !== 'ok' && !(level === 'warning' && OF_THE_MACHINE.includes(topic)))
    .map(({ level, topic, found }) => `${level} ${topic}: ${found}`);
}

const fine = ({ findings }: Report): string[] =>
  findings.filter(({ level }) => level === 'ok').map(({ topic, found }) => `${topic}: ${found}`);

async function kernelOf(host: HostName): Promise<string> {
  const { topology } = lab;
  const shown = await Promise.all([
    topology.inside(host, 'ip', ['-o', 'addr']),
    topology.inside(host, 'ip', ['maddr']),
    topology.inside(host, 'ip', ['route', 'show', 'table', 'all']),
    topology.inside(host, 'nft', ['-t', 'list', 'tables']),
  ]);
  return shown.join('\n');
}

test('a healthy pair: nothing to complain of at either node, and nothing has changed', async () => {
  const owner = await lab.steady();
  const before = await Promise.all([kernelOf('a'), kernelOf('b')]);
  const reports = await Promise.all([doctor('a'), doctor('b')]);
  for (const report of reports) {
    expect(complaints(report)).toEqual([]);
    expect(report.code).toBe(0);
  }
  const [atOwner, atBackup] = owner === 'a' ? reports : reports.toReversed();
  expect(fine(atOwner ?? { findings: [], code: 0 })).toContain(
    `${lanInterface} vrid 33: advertised by this host, and by nobody else`,
  );
  expect(fine(atBackup ?? { findings: [], code: 0 })).toContain(
    `${lanInterface} vrid 33: advertised by ${owner} (${hosts[owner].lan}), and by nobody else`,
  );
  expect(fine(reports[0])).toContainEqual(expect.stringMatching(/^votes of the witness: take .* ms \(p99 .* ms\)$/));
  expect(await lab.steady()).toBe(owner);
  expect(await Promise.all([kernelOf('a'), kernelOf('b')])).toEqual(before);
});

test('another VRRP speaker with our virtual router id', async () => {
  const script = fileURLToPath(new URL('advertise-by-force.ts', import.meta.url));
  const speaker = stranger.spawn({
    command: process.execPath,
    args: [script, 'eth0', STRANGER, '33', '1000', '10.77.0.200'],
    logFile: join(lab.topology.folder, 'speaker'),
  });
  const backup = other(await lab.steady());
  const report = await doctor(backup);
  await speaker.stop(1_000);
  expect(report.code).toBe(1);
  expect(complaints(report).filter((line) => line.startsWith('problem '))).toEqual([
    expect.stringMatching(
      new RegExp(`^problem ${lanInterface} vrid 33: ${STRANGER} .* advertises it too, and is no peer of group edge$`),
    ),
  ]);
});

test('another program says that the address is its own', async () => {
  const script = fileURLToPath(new URL('announce-by-force.ts', import.meta.url));
  const owner = await lab.steady();
  const announcer = stranger.spawn({
    command: process.execPath,
    args: [script, 'eth0', virtualAddress, '20', '500'],
    logFile: join(lab.topology.folder, 'announcer'),
  });
  const report = await doctor(owner);
  await announcer.stop(1_000);
  expect(report.code).toBe(1);
  expect(complaints(report)).toContainEqual(
    expect.stringMatching(new RegExp(`^problem ${lanInterface} vrid 33: .* says that ${virtualAddress} is its own`)),
  );
});

test('strict reverse path filter, and clients that come in by another way than the default route', async () => {
  const backup = other(await lab.steady());
  await lab.topology.ip(backup, [`route add default via ${NETWORK.witness.uplink} dev ${NETWORK.uplinkInterface}`]);
  await lab.topology.inside(backup, 'sysctl', ['-qw', `net.ipv4.conf.${lanInterface}.rp_filter=1`]);
  const report = await doctor(backup);
  await lab.topology.inside(backup, 'sysctl', ['-qw', `net.ipv4.conf.${lanInterface}.rp_filter=0`]);
  await lab.topology.ip(backup, ['route del default']);
  expect(complaints(report)).toContainEqual(
    expect.stringMatching(
      new RegExp(`^warning ${lanInterface}: rp_filter is strict, and the default route leads over`),
    ),
  );
});

test('a firewall that drops the sideband', async () => {
  const backup = other(await lab.steady());
  const rules = 'table inet filter { chain input { type filter hook input priority 0; udp dport 3112 drop; }; }';
  await lab.topology.inside(backup, 'nft', ['-f', '-'], rules);
  const report = await doctor(backup);
  await lab.topology.inside(backup, 'nft', ['delete', 'table', 'inet', 'filter']);
  expect(report.code).toBe(1);
  expect(complaints(report)).toEqual(
    expect.arrayContaining([
      'warning firewall: table inet filter has a rule that drops UDP port 3112 (the sideband)',
      expect.stringMatching(new RegExp(`^problem peer ${other(backup)}: is not heard`)),
    ]),
  );
  await lab.steady();
});

test('the witness is out of reach', async () => {
  const backup = other(await lab.steady());
  await witnessOf(lab.system).stop();
  const report = await doctor(backup);
  await witnessOf(lab.system).start();
  expect(report.code).toBe(1);
  expect(complaints(report)).toEqual(
    expect.arrayContaining([
      expect.stringMatching(/^problem witness: http:.* does not answer: ECONNREFUSED$/),
      expect.stringMatching(/^problem votes of the witness: the agent's link is/),
    ]),
  );
  await lab.steady();
});

test('without an agent: it tries what the agent would need, and finds a virtual address that somebody left', async () => {
  const owner = await lab.steady();
  const backup = other(owner);
  await lab.system.agents[backup].terminate();
  const report = await doctor(backup);
  expect(complaints(report)).toEqual([]);
  expect(report.code).toBe(0);
  expect(fine(report)).toEqual(
    expect.arrayContaining([
      `witness token: the witness takes it for node ${backup}'s`,
      'sideband: UDP port 3112 is free',
      expect.stringMatching(/^kernel: Linux .*, the whole fence, /),
      expect.stringMatching(/^votes of the witness: take /),
      `${lanInterface} vrid 33: advertised by ${owner} (${hosts[owner].lan}), and by nobody else`,
    ]),
  );
  await lab.topology.ip(backup, [`addr add ${virtualAddress}/32 dev lo`]);
  const left = await doctor(backup);
  expect(left.code).toBe(1);
  expect(complaints(left)).toContain(`problem lo: virtual address ${virtualAddress} is there, though no agent runs`);
  await lab.topology.ip(backup, [`addr del ${virtualAddress}/32 dev lo`]);
  await lab.system.agents[backup].start();
  expect(await lab.steady()).toBe(owner);
});
