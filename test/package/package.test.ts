import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { analyse } from '../lab/analysis.ts';
import { waitFor } from '../lab/process.ts';
import { other } from '../lab/system.ts';
import type { HostName } from '../lab/topology.ts';
import { attempt, perform } from './command.ts';
import type { Container } from './container.ts';
import { filesOf } from './files.ts';
import { InstalledPair } from './installed-pair.ts';
import { asVersion, buildPackages, type Packages } from './packages.ts';

/** The tests go on from each other, as an administrator does: install, configure, lose a host, upgrade, purge. */

const TOP = join(import.meta.dirname, '../..');
const CONFIG = '/etc/tiebreak/tiebreak.toml';

let pair: InstalledPair;
let packages: Packages;
let newer: Packages;
let before: ReadonlySet<string>;

beforeAll(async () => {
  pair = await InstalledPair.create();
  const out = pair.topology.folderOf('packages');
  packages = await buildPackages(out, '7.0.0');
  newer = await asVersion(packages, '7.0.1', pair.topology.folderOf('packages', 'newer'));
  before = await filesOf(pair.hosts.a);
});

afterAll(async () => {
  await pair?.close();
});

async function install(host: Container, ...debs: string[]): Promise<void> {
  const names = debs.map((deb) => host.take(deb));
  await host.chroot('apt-get', ['install', '--yes', '--quiet', '--no-install-recommends', ...names]);
}

async function property(host: HostName | 'witness', unit: string, name: string): Promise<string> {
  return (await pair.hosts[host].run('systemctl', ['show', '--value', '--property', name, unit])).trim();
}

/** What the client has seen since, once one of the two has owned for a while. */
async function seenSince(fromUs: number) {
  const prober = await pair.watch();
  await sleep(500);
  return analyse(prober.between(fromUs, prober.nowUs()));
}

test('lintian finds nothing that is not overridden with a reason', async () => {
  const { code, stdout } = await attempt('lintian', [
    ...['--allow-root', '--fail-on', 'error,warning', '--tag-display-limit', '0'],
    ...[packages.agent, packages.witness],
  ]);
  expect(stdout).toBe('');
  expect(code).toBe(0);
});

test('apt installs them with what they depend on; without a configuration they are enabled, not started, and not failed', async () => {
  const { a, b, witness } = pair.hosts;
  for (const host of [a, b]) await install(host, packages.agent);
  await install(witness, packages.agent, packages.witness);
  await Promise.all([a.boot(), b.boot(), witness.boot()]);

  for (const [host, unit] of [
    ['a', 'tiebreak.service'],
    ['witness', 'tiebreak-witness.service'],
    ['witness', 'tiebreak-witness.socket'],
  ] as const) {
    expect(await property(host, unit, 'UnitFileState')).toBe('enabled');
    expect(await property(host, unit, 'ActiveState')).toBe('inactive');
    expect(await property(host, unit, 'ConditionResult')).toBe('no');
  }
  // Once more, where systemd runs: the service is asked to start, and still has no configuration.
  await a.run('dpkg', ['--install', a.take(packages.agent)]);
  expect(await a.run('systemctl', ['--failed', '--plain', '--no-legend'])).not.toContain('tiebreak');
  expect((await a.run('tiebreak', ['--version'])).trim()).toBe('7.0.0');
  const { code, stderr } = await a.attempt('tiebreak', ['witness', 'serve', '--data', '/tmp/nothing']);
  expect([code, stderr]).toEqual([1, expect.stringContaining('install the Debian package tiebreak-witness')]);
});

test('the units say nothing that systemd does not understand, and leave little exposed', async () => {
  const { a, witness } = pair.hosts;
  const verified = await a.attempt('systemd-analyze', ['verify', '--man=no', 'tiebreak.service']);
  expect(verified).toMatchObject({ code: 0, stderr: '' });
  expect(await witness.attempt('systemd-analyze', ['verify', '--man=no', 'tiebreak-witness.service'])).toMatchObject({
    code: 0,
    stderr: '',
  });
  // From 0, nothing, to 100, everything.
  await a.run('systemd-analyze', ['security', '--offline=yes', '--threshold=35', 'tiebreak.service']);
  await witness.run('systemd-analyze', ['security', '--offline=yes', '--threshold=20', 'tiebreak-witness.service']);
});

test('configured as the quick start says, one of the two owns, and both have the witness', async () => {
  await pair.startWitness();
  await pair.startAgents();
  const owner = await pair.owner();
  const prober = await pair.watch();
  const fromUs = prober.nowUs();
  expect(await seenSince(fromUs)).toMatchObject({ before: owner, after: owner, twoOwnersMs: 0 });

  const { [owner]: host } = pair.hosts;
  const status = await pair.group(owner);
  expect(status).toMatchObject({ fence: { level: 'full' }, checks: [{ name: 'switch', state: 'passing' }] });
  await waitFor('the notify command has run', 5_000, async () =>
    (await host.attempt('test', ['-e', '/run/tiebreak/told'])).code === 0 ? true : undefined,
  );
  // Whether real time is really had hangs on what the machine lets its containers have.
  expect(await property(owner, 'tiebreak', 'LimitRTPRIO')).toBe('1');
  const main = await property(owner, 'tiebreak', 'MainPID');
  expect((await host.run('cut', ['-d', ' ', '-f', '19', `/proc/${main}/stat`])).trim()).toBe('-15');
  await host.run('systemctl', ['reload', 'tiebreak']);
  const journal = await host.run('journalctl', ['--unit', 'tiebreak', '--output', 'cat']);
  expect(journal).toContain('reloaded; 1 group untouched');
  // Of what the package has put there; the rest is the laboratory's.
  const { stdout } = await host.attempt('tiebreak', ['doctor', '--config', CONFIG]);
  for (const topic of ['privilege', 'secrets', 'folders', 'programs', 'systemd unit']) {
    expect(stdout).toMatch(new RegExp(`^ok +${topic} `, 'm'));
  }
});

test('when the owner stops in order, and when all of it is killed, the other one owns, and never both', async () => {
  const first = await pair.owner();
  const prober = await pair.watch();
  let fromUs = prober.nowUs();
  await pair.hosts[first].run('systemctl', ['stop', 'tiebreak']);
  expect(await seenSince(fromUs)).toMatchObject({ before: first, after: other(first), twoOwnersMs: 0 });

  await pair.hosts[first].run('systemctl', ['start', 'tiebreak']);
  const second = await pair.owner();
  expect(second).toBe(other(first));
  // A start takes less time than a takeover: back so soon, the killed one might own again.
  pair.hosts[second].write('/etc/systemd/system/tiebreak.service.d/later.conf', '[Service]\nRestartSec=5s\n');
  await pair.hosts[second].run('systemctl', ['daemon-reload']);
  fromUs = prober.nowUs();
  const guardian = await property(second, 'tiebreak', 'MainPID');
  const kill = `kill -KILL $(cat /proc/${guardian}/task/${guardian}/children) ${guardian}`;
  await pair.hosts[second].run('sh', ['-c', kill]);
  expect(await pair.owner()).toBe(first);
  expect(await seenSince(fromUs)).toMatchObject({ before: second, after: first, twoOwnersMs: 0 });
  expect(await property(second, 'tiebreak', 'NRestarts')).toBe('1');
});

test('an upgrade of the owner hands over first, keeps what the administrator has changed, and starts the newer agent', async () => {
  const owner = await pair.owner();
  const host = pair.hosts[owner];
  host.write('/etc/default/tiebreak', 'TIEBREAK_LOG_LEVEL=debug\n', 0o644);
  const configuration = host.read(CONFIG);
  const prober = await pair.watch();
  const fromUs = prober.nowUs();
  await host.run('dpkg', ['--install', host.take(newer.agent)]);
  expect(await pair.owner()).toBe(other(owner));
  expect(await seenSince(fromUs)).toMatchObject({ before: owner, after: other(owner), twoOwnersMs: 0 });

  expect(host.read(CONFIG)).toBe(configuration);
  expect(host.read('/etc/default/tiebreak')).toBe('TIEBREAK_LOG_LEVEL=debug\n');
  expect(JSON.parse(await host.run('tiebreak', ['status', '--json']))).toMatchObject({ version: '7.0.1' });
  expect(await host.run('journalctl', ['-u', 'tiebreak', '-o', 'cat'])).toContain('"level":20');
});

test('the witness is upgraded under the agents, keeps its votes, and nothing moves', async () => {
  const owner = await pair.owner();
  const prober = await pair.watch();
  const fromUs = prober.nowUs();
  const { witness } = pair.hosts;
  await witness.run('dpkg', ['--install', witness.take(newer.agent), witness.take(newer.witness)]);
  expect(await pair.owner()).toBe(owner);
  const { before: owned, after, client, twoOwnersMs } = await seenSince(fromUs);
  expect([owned, after, client.lost, twoOwnersMs]).toEqual([owner, owner, 0, 0]);
});

test('removed, a package leaves what is configured; purged, it leaves nothing', async () => {
  for (const [place, names] of [
    ['a', ['tiebreak']],
    ['witness', ['tiebreak-witness', 'tiebreak']],
  ] as const) {
    const host = pair.hosts[place];
    await host.run('dpkg', ['--remove', ...names]);
    expect(host.read(`/etc/default/${names[0]}`)).not.toBe('');
    await host.run('dpkg', ['--purge', ...names]);
    const everywhere = ['/etc', '/usr', '/lib', '/run', '/tmp', '/var', '-name', '*tiebreak*'];
    expect(await host.run('find', [...everywhere, '-not', '-path', '/var/log/*'])).toBe('');
    expect(await host.run('getent', ['passwd'])).not.toContain('tiebreak');
  }
  const { a } = pair.hosts;
  await a.run('apt-get', ['--yes', '--quiet', 'autopurge']);
  expect([...(await filesOf(a))].filter((path) => !before.has(path))).toEqual([]);
  expect(await a.run('ip', ['-br', 'address', 'show', 'dev', 'eth0'])).not.toContain('10.77.0.100');
  expect(await pair.group('b')).toMatchObject({ role: 'active' });
});

test('the npm package installs in an empty folder, and has every command', async () => {
  const folder = pair.topology.folderOf('npm');
  // Against the headers of the Node that runs this, and with it.
  const headers = join(TOP, `node_modules/node/node_modules/node-linux-${process.arch}`);
  const environment = { PATH: `${dirname(process.execPath)}:${process.env.PATH}`, npm_config_nodedir: headers };
  const here = { folder, environment };
  await perform('npm', ['init', '--yes'], here);
  await perform('npm', ['install', '--no-audit', '--no-fund', packages.npm], here);
  const tiebreak = join(folder, 'node_modules/.bin/tiebreak');
  expect(await perform(tiebreak, ['--version'], here)).toBe('7.0.0\n');
  const example = join(TOP, 'docs/examples/a.toml');
  expect(await perform(tiebreak, ['check', '--config', example], here)).toContain('policy        bias');
  expect(await perform(tiebreak, ['witness', 'deploy', '--dry-run'], here)).toContain('can be deployed');
  // The module for raw sockets was built while it was installed: doctor loads it, and finds other things missing.
  const { code, stdout } = await attempt(tiebreak, ['doctor', '--config', example], here);
  expect([code, stdout]).toEqual([1, expect.stringContaining('edge.key')]);
});
