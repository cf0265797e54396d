import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { BIN, type Outcome, tiebreakIn } from '../command.ts';

// Each test starts a process, on a machine that may be busy.
vi.setConfig({ testTimeout: 30_000 });

const ADMIN = 'admin-token-of-this-test';
const WITNESS_ID = 'ab'.repeat(16);
const VIEW = { cluster: 'branch-7', witness_id: WITNESS_ID, serial: 0, recovering_ms: 0, groups: [], nodes: [] };

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-witness-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** What answers at the URL, and what it was asked: with which right is the same for all. */
async function answering(answer: Answer): Promise<{ url: string; asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    // The link keeps its second way warm, as anyone.
    if (request.url === '/healthz') return void response.end();
    // Whoever comes with anything else is refused, as by a witness: an `expect` here would be nobody's failure.
    if (request.headers.authorization !== `Bearer ${ADMIN}`) return void response.writeHead(401).end();
    asked.push(`${request.method} ${request.url}`);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return { url: `http://127.0.0.1:${address.port}`, asked };
}

function problem(status: number, code: string, detail: string): Answer {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify({ type: 'about:blank', title: 'A problem', status, detail, code }));
  };
}

function json(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** With the admin token in the environment, and nothing of this host's own configuration. */
async function witness(...args: readonly string[]): Promise<Outcome> {
  const { PATH } = process.env;
  const environment = { PATH, HOME: directory, XDG_CONFIG_HOME: directory, TIEBREAK_ADMIN_TOKEN: ADMIN };
  const outcome = await tiebreakIn(environment, 'witness', ...args);
  expect(outcome.stdout + outcome.stderr).not.toContain(ADMIN);
  return outcome;
}

const enroll = (url: string, ...more: readonly string[]) =>
  witness('enroll', 'a', '--cluster', 'branch-7', '--url', url, '--out', join(directory, 'out'), ...more);

describe('wrong usage ends with 2', () => {
  it.each([
    ['a node with a capital', ['enroll', 'A', '--cluster', 'c'], 'A name has lower-case letters'],
    ['a cluster that is a path', ['rotate', 'a', '--cluster', '../x'], 'A name has lower-case letters'],
    ['no cluster', ['revoke', 'a'], "required option '--cluster <name>'"],
    ['a region that there is not', ['enroll', 'a', '--cluster', 'c', '--location', 'mars'], 'Allowed choices are wnam'],
    ['a URL with a path', ['enroll', 'a', '--cluster', 'c', '--url', 'https://w/v1'], 'must end after the host'],
    ['no witness', ['viewer', 'add', 'wall', '--cluster', 'c'], 'which witness?'],
    ['a Worker with a dot', ['deploy', '--name', 'a.b'], 'lower-case letters, digits and dashes'],
    ['a backup that may be lost', ['backup', '--cluster', 'c', '--out', '-', '--retire'], '--retire needs a file'],
  ])('%s', async (_, args, told) => {
    const outcome = await witness(...args);
    expect(outcome).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(told) });
  });

  it('a backup that is none, or of another cluster', async () => {
    const file = join(directory, 'backup.json');
    const restore = () => witness('restore', file, '--cluster', 'branch-7', '--url', 'http://127.0.0.1:1');
    expect(await restore()).toMatchObject({ code: 2, stderr: `tiebreak: ${file}: there is no such file\n` });
    writeFileSync(file, '{"format":2}', { mode: 0o600 });
    expect(await restore()).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is not the backup of a cluster'),
    });
    const backup = { format: 1, cluster: 'branch-8', witness_id: WITNESS_ID, taken_at: '2026-11-26T12:00:00.000Z' };
    writeFileSync(
      file,
      JSON.stringify({ ...backup, serial: 0, nodes: [], viewers: [], monitors: [], webhooks: [], groups: [] }),
    );
    expect(await restore()).toMatchObject({ code: 2, stderr: expect.stringContaining('is the backup of branch-8') });
  });
});

describe('what answers at the URL', () => {
  it('is nothing: 1, the place and the reason', async () => {
    const outcome = await enroll('http://127.0.0.1:1');
    const stderr = 'tiebreak: cannot reach the witness at http://127.0.0.1:1: ECONNREFUSED\n';
    expect(outcome).toEqual({ code: 1, stdout: '', stderr });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('does not know this admin token', async () => {
    const { asked, url } = await answering(problem(401, 'unauthorized', 'this needs a token that is good here'));
    const stderr = `tiebreak: the witness at ${url} does not accept this admin token: compare the witness with the environment variable TIEBREAK_ADMIN_TOKEN\n`;
    expect(await enroll(url)).toEqual({ code: 1, stdout: '', stderr });
    expect(asked).toEqual(['GET /v1/clusters/branch-7']);
  });

  it.each<[string, Answer, string]>([
    [
      'a page for people',
      (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<html>'),
      'is no witness of this version (status 200, text/html)',
    ],
    ['other JSON', (_, response) => json(response, 200, { ok: true }), '(status 200, application/json)'],
    ['a redirect', (_, response) => response.writeHead(302, { location: 'http://elsewhere' }).end(), '(status 302)'],
    ['a gateway', (_, response) => response.writeHead(502).end('bad gateway'), '(status 502)'],
    ['someone who hangs up', (request) => request.socket.destroy(), 'cannot reach the witness'],
  ])('is %s: 1, and nothing is written', async (_, answer, told) => {
    const { asked, url } = await answering(answer);
    expect(await enroll(url)).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(told) });
    expect(asked).toHaveLength(1);
    expect(existsSync(join(directory, 'out'))).toBe(false);
  });

  it('says what is wrong', async () => {
    const { url } = await answering(problem(503, 'not_configured', 'the secret TIEBREAK_ADMIN_TOKEN is not set'));
    const outcome = await witness('revoke', 'a', '--cluster', 'branch-7', '--url', url);
    const stderr = `tiebreak: the witness at ${url} says: the secret TIEBREAK_ADMIN_TOKEN is not set\n`;
    expect(outcome).toEqual({ code: 1, stdout: '', stderr });
  });
});

describe('a token that may be lost', () => {
  const issuing =
    (issue: Answer): Answer =>
    (request, response) => {
      if (request.url?.endsWith('/nodes/a')) issue(request, response);
      else if (request.method === 'GET') json(response, 200, VIEW);
      else json(response, 200, { cluster: 'branch-7', witness_id: WITNESS_ID });
    };

  it('since the answer never came: it is told how to get another, and nothing half stays', async () => {
    const { url } = await answering(issuing((request) => request.socket.destroy()));
    expect(await enroll(url)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /may have issued a token all the same, which is lost; for another: tiebreak witness rotate a --cluster branch-7\n$/,
      ),
    });
    expect(readdirSync(join(directory, 'out'))).toEqual([]);
  });

  it('is told where it is, if something has come into its place meanwhile', async () => {
    const token = `tbn1.${WITNESS_ID}.${'01'.repeat(32)}`;
    const place = join(directory, 'out', 'witness.token');
    const { url } = await answering(
      issuing((_, response) => {
        mkdirSync(join(place, 'in-the-way'), { recursive: true });
        json(response, 201, { token });
      }),
    );
    const { code, stderr, stdout } = await enroll(url);
    expect([code, stdout]).toEqual([1, '']);
    const saved = /it is in (\S+): move it there\n$/.exec(stderr)?.[1] ?? '';
    expect([readFileSync(saved, 'utf8'), statSync(saved).mode & 0o777]).toEqual([`${token}\n`, 0o600]);
  });

  it('is written all the same when somebody presses Ctrl-C meanwhile', async () => {
    const token = `tbn1.${WITNESS_ID}.${'02'.repeat(32)}`;
    const asked = Promise.withResolvers<() => void>();
    const { url } = await answering(issuing((_, response) => asked.resolve(() => json(response, 201, { token }))));
    const out = join(directory, 'out');
    const environment = { HOME: directory, TIEBREAK_ADMIN_TOKEN: ADMIN };
    const args = ['witness', 'enroll', 'a', '--cluster', 'branch-7', '--url', url, '--out', out];
    const child = spawn(process.execPath, [BIN, ...args], { env: environment, stdio: 'ignore' });
    const answer = await asked.promise;
    child.kill('SIGINT');
    await new Promise((resolve) => setTimeout(resolve, 300));
    answer();
    await vi.waitFor(() => expect(readdirSync(out)).toEqual(['witness.token']), { timeout: 10_000 });
    expect(readFileSync(join(out, 'witness.token'), 'utf8')).toBe(`${token}\n`);
    child.kill('SIGKILL');
  });

  it('is not even asked for where it could not be written', async () => {
    writeFileSync(join(directory, 'out'), 'a file in the way');
    const { asked, url } = await answering(issuing((_, response) => json(response, 201, { token: 'never' })));
    const outcome = await enroll(url, '--replace');
    expect(outcome).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('cannot be written') });
    expect(asked).not.toContain('PUT /v1/clusters/branch-7/nodes/a');
  });

  it('is kept, and said where, if the witness then cannot be spoken to with it', async () => {
    const token = `tbn1.${WITNESS_ID}.${'01'.repeat(32)}`;
    const server = createServer((request, response) => {
      if (request.headers.authorization === `Bearer ${token}`) response.writeHead(401).end();
      else issuing((_, answer) => json(answer, 201, { token }))(request, response);
    });
    server.on('upgrade', (_, socket) =>
      socket.end('HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    const outcome = await enroll(`http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`);
    expect(outcome.code).toBe(1);
    expect(outcome.stderr).toContain(`the token is in ${directory}/out/witness.token, but trying it failed`);
    expect(outcome.stderr).toContain('(401)');
    expect(outcome.stdout + outcome.stderr).not.toContain('01'.repeat(32));
  });
});

describe('deploy', () => {
  it('--dry-run builds the Worker with the real wrangler, and writes nothing', async () => {
    const outcome = await witness('deploy', '--dry-run');
    expect(outcome).toMatchObject({ code: 0, stdout: 'tiebreak-witness can be deployed; nothing was uploaded\n' });
    expect(outcome.stderr).toContain('env.CLUSTERS (ClusterWitness)');
    expect(existsSync(join(directory, 'tiebreak'))).toBe(false);
  });
});
