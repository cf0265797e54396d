import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { createTestHarness } from 'wrangler';
import { tokenReader } from '../../agent/engine/witness-token.ts';
import { openWitnessLink } from '../../agent/witness-link/index.ts';
import { type Outcome, tiebreakIn } from '../unit/cli/command.ts';

const ADMIN = 'admin-token-of-this-test';
const PATIENCE = { timeout: 15_000, interval: 20 };

const configPath = fileURLToPath(new URL('../../wrangler.toml', import.meta.url));
const harness = createTestHarness({ workers: [{ configPath, secrets: { TIEBREAK_ADMIN_TOKEN: ADMIN } }] });
let url: string;
let directory: string;
let clusters = 0;

beforeAll(async () => {
  url = (await harness.listen()).url.origin;
  directory = mkdtempSync(join(tmpdir(), 'tb-commands-'));
  const credentials = JSON.stringify({ url, admin_token: ADMIN });
  writeFileSync(join(directory, 'witness.json'), credentials, { mode: 0o600 });
}, 60_000);
afterAll(async () => {
  rmSync(directory, { recursive: true });
  await harness.close();
});

/** In a cluster of its own for each test, by the credentials file. */
function inNewCluster() {
  clusters += 1;
  const cluster = `branch-${clusters}`;
  const folder = (node: string) => join(directory, cluster, node);
  const witness = async (...args: readonly string[]): Promise<Outcome> => {
    const { PATH } = process.env;
    const credentials = ['--credentials', join(directory, 'witness.json')];
    return tiebreakIn({ PATH, HOME: directory }, 'witness', ...args, '--cluster', cluster, ...credentials);
  };
  const enroll = (node: string, ...more: readonly string[]) => witness('enroll', node, '--out', folder(node), ...more);
  const tokenFile = (node: string) => join(folder(node), 'witness.token');
  const tokenOf = (node: string) => readFileSync(tokenFile(node), 'utf8').trim();
  return { cluster, witness, enroll, folder, tokenFile, tokenOf };
}

function statusWith(cluster: string, token: string): Promise<number> {
  const headers = { authorization: `Bearer ${token}` };
  return fetch(`${url}/v1/clusters/${cluster}`, { headers }).then(({ status }) => status);
}

/** The agent's link, as the engine opens it. */
function openLink(cluster: string, node: string, file: string) {
  const token = readFileSync(file, 'utf8').trim();
  const states: string[] = [];
  const link = openWitnessLink({
    ...{ url, cluster, node, token, incarnation: 7, serial: 0 },
    rereadToken: tokenReader(
      () => file,
      token.split('.')[1] ?? '',
      () => {},
    ),
    groups: () => [],
    report: () => ({ peers: [], groups: [], decisions: [] }),
    chooseSource: () => undefined,
    nowUs: () => Number(process.hrtime.bigint() / 1_000n),
    random: Math.random,
    onReply: () => {},
    onFreed: () => {},
    onHealth: () => {},
    onPassedOn: () => {},
    onState: ({ kind }) => states.push(kind),
    onSerial: () => {},
    log: () => {},
  });
  onTestFinished(() => link.close());
  return { link, became: (expected: string[]) => vi.waitFor(() => expect(states).toEqual(expected), PATIENCE) };
}

test('enroll creates the cluster, writes a token that is good, measures, and says what to paste', async () => {
  const { cluster, enroll, tokenFile, tokenOf } = inNewCluster();
  const { code, stderr, stdout } = await enroll('a', '--location', 'weur');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`^cluster +${cluster}, new\n`));
  expect(stdout).toMatch(/^votes +[0-9.]+ ms from here, p99 [0-9.]+ m?s \(2\d rehearsals\)$/m);
  expect(stdout).toContain(`[witness]\nurl = "${url}"\ncluster = "${cluster}"\ntoken_file = "${tokenFile('a')}"`);
  expect(stdout).not.toContain(tokenOf('a').split('.')[2]);
  expect(statSync(tokenFile('a')).mode & 0o777).toBe(0o600);
  expect(await statusWith(cluster, tokenOf('a'))).toBe(200);
});

test('enroll again tries and measures what is there, and changes nothing', async () => {
  const { cluster, enroll, tokenFile, tokenOf } = inNewCluster();
  await enroll('a');
  const before = tokenOf('a');
  const again = await enroll('a', '--json', '--location', 'weur');
  expect(again.code).toBe(0);
  expect(again.stderr).toContain('was there already, and does not move');
  expect(JSON.parse(again.stdout)).toEqual({
    ...{ url, cluster, created: false, node: 'a', issued: false, token_file: tokenFile('a') },
    witness_id: before.split('.')[1],
    votes: { count: expect.any(Number), p50_ms: expect.any(Number), p99_ms: expect.any(Number) },
    interval: { least_ms: expect.any(Number), advised_ms: expect.any(Number) },
  });
  expect(tokenOf('a')).toBe(before);
});

test('nothing voids a token, or overwrites one, unasked', async () => {
  const { cluster, enroll, folder, tokenOf, witness } = inNewCluster();
  const other = inNewCluster();
  await enroll('a');
  await enroll('b');
  await other.enroll('a');
  const tokens = [tokenOf('a'), tokenOf('b')];
  const refused: [Outcome, string][] = [
    [await enroll('a', '--out', folder('elsewhere')), 'a has a token of'],
    [await enroll('b', '--out', folder('a')), 'holds the token of node a; --replace'],
    [await witness('rotate', 'a', '--out', folder('b')), 'holds the token of node b; --replace'],
    [await witness('rotate', 'c', '--out', folder('c')), `${cluster} has no node c: tiebreak witness enroll c`],
    [await other.enroll('a', '--out', folder('a')), 'holds the token of another witness; --replace'],
    [await other.witness('rotate', 'a', '--out', folder('a')), 'holds the token of another witness; --replace'],
    [await inNewCluster().enroll('a', '--out', folder('a')), 'holds the token of another witness; --replace'],
  ];
  for (const [outcome, told] of refused) {
    expect(outcome).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(told) });
  }
  expect([tokenOf('a'), tokenOf('b')]).toEqual(tokens);
  expect(await Promise.all(tokens.map((token) => statusWith(cluster, token)))).toEqual([200, 200]);
  expect(readdirSync(join(directory, cluster)).sort()).toEqual(['a', 'b']);
});

test('a running agent goes on with the token that rotate has written; the former one is void', async () => {
  const { cluster, enroll, folder, tokenFile, tokenOf, witness } = inNewCluster();
  await enroll('a');
  const former = tokenOf('a');
  const { became, link } = openLink(cluster, 'a', tokenFile('a'));
  await became(['connected']);
  const running = await enroll('a');
  expect(running.stdout).toContain('not measured: the agent on a does that by itself');
  const rotated = await witness('rotate', 'a', '--out', folder('a'));
  expect(rotated).toMatchObject({ code: 0, stderr: expect.stringContaining('the former token of a is void') });
  expect(await statusWith(cluster, former)).toBe(401);
  await became(['connected', 'refused', 'connected']);
  expect(await statusWith(cluster, tokenOf('a'))).toBe(200);
  const { count } = link.voteTimes();
  link.rehearse();
  await vi.waitFor(() => expect(link.voteTimes().count).toBeGreaterThan(count), PATIENCE);
  expect(link.dropped()).toMatchObject({ bad_mac: 0, wrong_witness: 0 });
});

test('revoke and viewer remove void a token, viewer add prints one', async () => {
  const { cluster, enroll, tokenOf, witness } = inNewCluster();
  await enroll('a');
  const viewer = await witness('viewer', 'add', 'wall');
  expect(viewer.stderr).toContain(`${url}/clusters/${cluster}`);
  expect(await statusWith(cluster, viewer.stdout.trim())).toBe(200);
  const file = join(directory, cluster, 'wall.token');
  const written = await witness('viewer', 'add', 'wall', '--out', file);
  const token = readFileSync(file, 'utf8').trim();
  expect(written).toMatchObject({ code: 0, stderr: '' });
  expect([written.stdout.includes(token), statSync(file).mode & 0o777]).toEqual([false, 0o600]);
  expect([await statusWith(cluster, viewer.stdout.trim()), await statusWith(cluster, token)]).toEqual([401, 200]);
  expect(await witness('viewer', 'remove', 'wall')).toMatchObject({ code: 0 });
  expect(await statusWith(cluster, token)).toBe(401);
  expect(await statusWith(cluster, viewer.stdout.trim())).toBe(401);
  expect(await witness('revoke', 'a')).toMatchObject({ code: 0 });
  expect(await statusWith(cluster, tokenOf('a'))).toBe(401);
  expect(await witness('revoke', 'a')).toMatchObject({ code: 1, stderr: expect.stringContaining('no such node') });
  // A token that is void is nobody's: enrolling again needs no --replace.
  expect(await enroll('a')).toMatchObject({ code: 0, stderr: '' });
});

test('monitor add prints a token that is good for reports, and for nothing else', async () => {
  const { cluster, enroll, witness } = inNewCluster();
  await enroll('a');
  const { code, stdout } = await witness('monitor', 'add', 'outside');
  const report = () =>
    fetch(`${url}/v1/clusters/${cluster}/alerts`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stdout.trim()}` },
      body: JSON.stringify({ version: '4', status: 'firing', alerts: [] }),
    }).then(({ status }) => status);
  expect([code, await report(), await statusWith(cluster, stdout.trim())]).toEqual([0, 200, 401]);
  expect(await witness('monitor', 'remove', 'outside')).toMatchObject({ code: 0 });
  expect(await report()).toBe(401);
});

test('webhook add prints the secret, list and log tell what was told, and remove ends it', async () => {
  const { enroll, witness } = inNewCluster();
  await enroll('a');
  const to = 'https://hooks.example.com/ha';
  const added = await witness('webhook', 'add', 'pager', '--to', to, '--kinds', 'node,owner');
  expect(added).toMatchObject({ code: 0, stdout: expect.stringMatching(/^whsec_[A-Za-z0-9+/=]{44}\n$/) });
  const local = await witness('webhook', 'add', 'inside', '--to', 'https://169.254.169.254/');
  expect(local).toMatchObject({ code: 1, stderr: expect.stringContaining('link-local') });
  expect(await witness('webhook', 'add', 'x', '--to', to, '--kinds', 'vote')).toMatchObject({ code: 2 });
  const listed = await witness('webhook', 'list');
  expect(listed.stdout).toMatch(
    /^pager +active +(nothing waits|\d waiting) +https:\/\/hooks.example.com\/ha +node, owner\n$/,
  );
  expect(await witness('webhook', 'log')).toMatchObject({ code: 0, stdout: 'nothing was told yet\n' });
  expect(await witness('webhook', 'remove', 'pager')).toMatchObject({ code: 0 });
  expect(await witness('webhook', 'list')).toMatchObject({ code: 0, stdout: 'there is none\n' });
});

test('backup, retire, restore: tokens are good again, and each step that may lose a vote is vouched for', async () => {
  const { cluster, enroll, folder, tokenOf, witness } = inNewCluster();
  await enroll('a');
  const file = join(directory, cluster, 'backup.json');
  const restore = (...more: readonly string[]) => witness('restore', file, ...more);
  const saved = await witness('backup', '--out', file, '--retire', '--confirm', 'other');
  expect(saved).toMatchObject({ code: 1, stderr: expect.stringContaining(`the name to type was ${cluster}`) });
  expect(await statusWith(cluster, tokenOf('a'))).toBe(200);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await restore('--confirm', cluster)).toMatchObject({ code: 1, stderr: expect.stringContaining('already') });
  expect(await witness('backup', '--out', file)).toMatchObject({ code: 1, stderr: expect.stringContaining('already') });
  rmSync(file);
  expect(await witness('backup', '--out', file, '--retire', '--confirm', cluster)).toMatchObject({ code: 0 });
  expect(await statusWith(cluster, tokenOf('a'))).toBe(401);
  const unvouched = await restore();
  expect(unvouched).toMatchObject({ code: 1, stderr: expect.stringContaining('there will be two votes') });
  expect(await statusWith(cluster, tokenOf('a'))).toBe(401);
  expect(await restore('--confirm', cluster)).toMatchObject({ code: 0 });
  expect(await statusWith(cluster, tokenOf('a'))).toBe(200);
  expect(await enroll('a', '--out', folder('a'))).toMatchObject({ code: 0, stderr: '' });
});
