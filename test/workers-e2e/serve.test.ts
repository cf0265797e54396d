import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { Agent, request as overTls } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect, onTestFinished, test, vi } from 'vitest';
import { ADMIN, newFolder, type ServedWitness, serve, serveOnInheritedSocket } from './serve-command.ts';

const LOOPBACK = '127.0.0.1:0';

async function api(
  url: string,
  path: string,
  method = 'GET',
  token = ADMIN,
): Promise<{ status: number; body: unknown }> {
  const answer = await fetch(`${url}${path}`, { method, headers: { authorization: `Bearer ${token}` } });
  const text = await answer.text();
  return { status: answer.status, body: text === '' ? null : JSON.parse(text) };
}

/** A key and its self-signed certificate, as files. */
function newCertificate(folder: string, name: string): { certificate: string; key: string } {
  const [certificate, key] = [join(folder, `${name}.crt`), join(folder, `${name}.key`)];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
  const subject = ['-subj', `/CN=${name}`, '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...curve, '-nodes', '-keyout', key, '-out', certificate, ...subject], {
    stdio: 'ignore',
  });
  return { certificate, key };
}

/** Whose certificate is shown; over a connection of its own. */
async function subjectAt(url: string): Promise<string | undefined> {
  const asked = overTls(`${url}/healthz`, { agent: new Agent({ rejectUnauthorized: false }) });
  asked.end();
  const [response] = await once(asked, 'response');
  response.resume();
  const socket: TLSSocket = response.socket;
  return socket.getPeerCertificate().subject.CN?.toString();
}

test('what it has promised and issued is there after a restart, in a folder that is nobody else’s', async () => {
  const data = join(newFolder(), 'data');
  const first = serve(['--listen', LOOPBACK, '--data', data]);
  const url = await first.ready();
  expect((await api(url, '/v1/clusters/branch-7', 'PUT')).status).toBe(201);
  const issued = await api(url, '/v1/clusters/branch-7/nodes/a', 'PUT');
  const { token } = Object(issued.body);
  const second = serve(['--listen', LOOPBACK, '--data', data]);
  expect(await second.ended()).toBe(1);
  expect(second.said()).toContain('would both give the one vote');
  // Twice, as a terminal and npm do it: the runtime must not be left behind.
  first.child.kill('SIGTERM');
  first.child.kill('SIGTERM');
  expect(await first.ended()).toBe(0);
  expect(readdirSync(data).sort()).toEqual(['format', 'objects']);
  const again = await serve(['--listen', LOOPBACK, '--data', data]).ready();
  expect((await api(again, '/v1/clusters/branch-7', 'GET', token)).status).toBe(200);
  expect((await api(again, '/v1/clusters')).body).toMatchObject({ clusters: [{ cluster: 'branch-7' }] });
});

test('with a certificate it speaks TLS; SIGHUP takes a new one, and keeps the old one if the new one is bad', async () => {
  const folder = newFolder();
  const own = newCertificate(folder, 'first');
  const tls = ['--tls-cert', own.certificate, '--tls-key', own.key];
  const witness = serve(['--listen', LOOPBACK, '--data', join(folder, 'data'), ...tls]);
  const url = await witness.ready();
  expect(url).toMatch(/^https:/);
  expect(await subjectAt(url)).toBe('first');
  const other = newCertificate(folder, 'second');
  writeFileSync(own.key, execFileSync('cat', [other.key]));
  witness.child.kill('SIGHUP');
  await vi.waitFor(() => expect(witness.said()).toContain('goes on as before'), { timeout: 5_000 });
  expect(await subjectAt(url)).toBe('first');
  writeFileSync(own.certificate, execFileSync('cat', [other.certificate]));
  witness.child.kill('SIGHUP');
  expect(await subjectAt(await witness.ready(2))).toBe('second');
  expect(witness.said()).not.toContain(ADMIN);
});

test('a socket of the service manager stays open over a restart: who asks meanwhile waits', async () => {
  const witness = serveOnInheritedSocket(['--data', join(newFolder(), 'data')]);
  await witness.ready();
  const [, port] = /port (\d+)/.exec(witness.said()) ?? [];
  const url = `http://127.0.0.1:${port}`;
  expect((await api(url, '/healthz')).status).toBe(200);
  let back = false;
  const restarted = witness.ready(2).then(() => {
    back = true;
  });
  witness.child.kill('SIGHUP');
  const outcomes: unknown[] = [];
  while (!back) {
    const asked = fetch(`${url}/healthz`, { headers: { connection: 'close' } });
    outcomes.push(await asked.then(({ status }) => status).catch((error: Error) => Object(error.cause).code));
  }
  await restarted;
  expect(outcomes).toContain(200);
  // What was under way when the runtime ended may be cut; nobody is refused.
  expect(outcomes).not.toContain('ECONNREFUSED');
});

test.each([
  ['no address', ['--listen', 'localhost:8787'], 'ADDRESS:PORT', 2],
  ['half of a certificate', ['--listen', LOOPBACK, '--tls-cert', '/x'], 'belong together', 2],
  [
    'a certificate that is not there',
    ['--listen', LOOPBACK, '--tls-cert', '/x', '--tls-key', '/y'],
    '/x cannot be read',
    1,
  ],
  ['a token file that is not there', ['--listen', LOOPBACK, '--admin-token-file', '/x'], '/x cannot be read', 2],
])('%s is refused in words', async (_, args, words, code) => {
  const witness = serve([...args, '--data', join(newFolder(), 'data')]);
  expect(await witness.ended()).toBe(code);
  expect(witness.said()).toContain(words);
});

test('a port that is taken, a short admin token and a folder of something else are refused in words', async () => {
  const folder = newFolder();
  const taken = createServer().listen(0, '127.0.0.1');
  onTestFinished(() => {
    taken.close();
  });
  await once(taken, 'listening');
  const port = Object(taken.address()).port;
  const onTakenPort = serve(['--listen', `127.0.0.1:${port}`, '--data', join(folder, 'data')]);
  const withShortToken = serve(['--listen', LOOPBACK, '--data', join(folder, 'data')], {
    TIEBREAK_ADMIN_TOKEN: 'short',
  });
  writeFileSync(join(folder, 'thesis.tex'), '');
  const inOtherFolder = serve(['--listen', LOOPBACK, '--data', folder]);
  expect(await onTakenPort.ended()).toBe(1);
  expect(onTakenPort.said()).toContain(`cannot listen on 127.0.0.1:${port}: listen EADDRINUSE`);
  expect(await withShortToken.ended()).toBe(2);
  expect(withShortToken.said()).toContain('16 or more');
  expect(await inOtherFolder.ended()).toBe(1);
  expect(inOtherFolder.said()).toContain('thesis.tex');
});

function runtimeOf({ child }: ServedWitness): number {
  const [runtime] = execFileSync('pgrep', ['-P', String(child.pid), 'workerd'])
    .toString()
    .split('\n');
  return Number(runtime);
}

test('if the runtime dies, so does the command: whoever has started it starts it again', async () => {
  const witness = serve(['--listen', LOOPBACK, '--data', join(newFolder(), 'data')]);
  await witness.ready();
  process.kill(runtimeOf(witness), 'SIGKILL');
  expect(await witness.ended()).toBe(1);
  expect(witness.said()).toContain('ended by itself');
});

test('if the command is killed, so is the runtime: it leaves port and folder to the next one', async () => {
  const data = join(newFolder(), 'data');
  const first = serve(['--listen', LOOPBACK, '--data', data]);
  const { host } = new URL(await first.ready());
  const runtime = runtimeOf(first);
  onTestFinished(() => {
    if (existsSync(`/proc/${runtime}`)) process.kill(runtime, 'SIGKILL');
  });
  first.child.kill('SIGKILL');
  await vi.waitFor(() => expect(existsSync(`/proc/${runtime}`)).toBe(false), { timeout: 5_000 });
  const second = serve(['--listen', host, '--data', data]);
  expect(new URL(await second.ready()).host).toBe(host);
});

test('a body that trickles in holds nobody up, and is cut off', async () => {
  const witness = serve(['--listen', LOOPBACK, '--data', join(newFolder(), 'data')]);
  const url = await witness.ready();
  const slow = connect(Number(new URL(url).port), '127.0.0.1');
  let answer = '';
  slow.setEncoding('utf8').on('data', (part: string) => {
    answer += part;
  });
  slow.on('error', () => {});
  const ended = once(slow, 'close');
  slow.write(
    `PUT /v1/clusters/slow HTTP/1.1\r\nhost: w\r\nauthorization: Bearer ${ADMIN}\r\ncontent-length: 1000\r\n\r\n`,
  );
  const startedMs = performance.now();
  const trickle = setInterval(() => slow.write('{'), 200);
  const others = Array.from({ length: 50 }, (_, index) => api(url, `/v1/clusters/other-${index}`, 'PUT'));
  expect((await Promise.all(others)).map(({ status }) => status)).toEqual(others.map(() => 201));
  await Promise.race([ended, vi.waitFor(() => expect(answer).toContain('HTTP/1.1 408'), { timeout: 20_000 })]);
  clearInterval(trickle);
  expect(performance.now() - startedMs).toBeLessThan(20_000);
  slow.destroy();
  expect((await api(url, '/v1/clusters/slow')).status).toBe(404);
});

test('bad tokens are counted by address, whatever port they come from', async () => {
  const witness = serve(['--listen', LOOPBACK, '--data', join(newFolder(), 'data')]);
  const url = await witness.ready();
  const statuses = new Set<number>();
  for (let index = 0; index < 70; index += 1) {
    const headers = { authorization: 'Bearer guess', connection: 'close', 'cf-connecting-ip': `192.0.2.${index}` };
    statuses.add((await fetch(`${url}/v1/clusters`, { headers })).status);
  }
  expect([...statuses]).toEqual([401, 429]);
});
