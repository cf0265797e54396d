import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { turnedRound } from '../../../agent/checks/outcome.ts';
import { probe } from '../../../agent/checks/probe.ts';
import { commandCheck, fileCheck, httpCheck, tcpCheck } from './checked.ts';

const ALWAYS = new AbortController().signal;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-checks-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('command', () => {
  test('passes by exit status 0, with its last line as the detail', async () => {
    const { said } = probe(commandCheck('echo first; echo all well'), ALWAYS);
    expect(await said).toEqual({ healthy: true, detail: 'exit status 0: all well' });
  });

  test('fails by any other, and by a signal', async () => {
    expect(await probe(commandCheck('echo no such pid >&2; exit 3'), ALWAYS).said).toEqual({
      healthy: false,
      detail: 'exit status 3: no such pid',
    });
    expect(await probe(commandCheck('kill -TERM $$'), ALWAYS).said).toEqual({
      healthy: false,
      detail: 'ended by SIGTERM',
    });
  });

  test('is killed with all its children when time is up', async () => {
    const left = join(folder, 'left');
    const script = `(sleep 1; touch ${left}) & sleep 60`;
    const { said, over } = probe(commandCheck(script, { timeoutMs: 100 }), ALWAYS);
    expect(await said).toMatchObject({ healthy: false, detail: 'no answer within 100 ms' });
    await over;
    await sleep(1_200);
    expect(await probe(fileCheck(left), ALWAYS).said).toMatchObject({ healthy: false });
  });

  test('is not waited for by what it left in the background', async () => {
    const { said } = probe(commandCheck('sleep 5 & exit 0'), ALWAYS);
    expect(await Promise.race([said, sleep(3_000)])).toMatchObject({ healthy: true });
  });

  test('that does not exist fails', async () => {
    const check = { ...commandCheck(''), program: '/nonexistent/program' };
    expect(await probe(check, ALWAYS).said).toEqual({
      healthy: false,
      detail: '/nonexistent/program could not be run: ENOENT',
      inconclusive: true,
    });
  });

  test('that the system refuses to start at all fails', async () => {
    expect(await probe(commandCheck('exit 0\0'), ALWAYS).said).toMatchObject({
      healthy: false,
      detail: expect.stringContaining('/bin/sh could not be run'),
      inconclusive: true,
    });
  });

  test('is ended when the agent stops, and shows people no control characters', async () => {
    const running = new AbortController();
    const { said, over } = probe(commandCheck('sleep 60'), running.signal);
    running.abort();
    expect(await said).toMatchObject({ healthy: false });
    await over;
    expect((await probe(commandCheck("printf '\\033[31mred'; exit 1"), ALWAYS).said).detail).not.toContain('\u001b');
  });

  test('is given no secret of the agent by its environment', async () => {
    process.env.TIEBREAK_ADMIN_TOKEN = 'a-secret-of-the-agent';
    const { said } = probe(commandCheck('env | sort | tr "\\n" " "'), ALWAYS);
    delete process.env.TIEBREAK_ADMIN_TOKEN;
    const { detail } = await said;
    expect(detail).toContain('TIEBREAK_CHECK=service');
    expect(detail).not.toContain('a-secret-of-the-agent');
  });
});

test.runIf(process.getuid?.() === 0)(
  'a command runs as the user that is named, without the groups of root',
  async () => {
    const { said } = probe(commandCheck('echo $(id -u) $(id -g) $(id -G)'), ALWAYS, { uid: 65_534, gid: 65_533 });
    expect(await said).toEqual({ healthy: true, detail: 'exit status 0: 65534 65533 65533' });
  },
);

describe('reverse', () => {
  const said = async (script: string, timeoutMs = 2_000) =>
    turnedRound(await probe(commandCheck(script, { timeoutMs }), ALWAYS).said);

  test('turns round what was found', async () => {
    expect(await said('exit 0')).toEqual({ healthy: false, detail: 'exit status 0 (reverse)' });
    expect(await said('exit 1')).toEqual({ healthy: true, detail: 'exit status 1 (reverse)' });
  });

  test('and nothing where nothing was found', async () => {
    expect(await said('sleep 60', 100)).toMatchObject({ healthy: false, detail: 'no answer within 100 ms' });
  });
});

describe('http', () => {
  let server: Server;
  let origin: string;
  beforeAll(async () => {
    server = createServer(({ url, headers }, response) => {
      if (url === '/hangs') return;
      if (url === '/name') {
        response.end(`for ${headers.host}: ${'x'.repeat(100_000)}the end`);
        return;
      }
      const status = Number(url?.slice(1));
      response.writeHead(status, status === 302 ? { location: '/200' } : {}).end('body');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${portOf(server)}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test.each([
    [200, true],
    [204, true],
    [302, false],
    [404, false],
    [503, false],
  ])('answered with %i: healthy is %s', async (status, healthy) => {
    expect(await probe(httpCheck(`${origin}/${status}`), ALWAYS).said).toEqual({ healthy, detail: `HTTP ${status}` });
  });

  test('passes by the statuses that are named, and only by those', async () => {
    const check = httpCheck(`${origin}/401`, { status: [401, 403] });
    expect(await probe(check, ALWAYS).said).toEqual({ healthy: true, detail: 'HTTP 401' });
    const other = httpCheck(`${origin}/200`, { status: [204] });
    expect(await probe(other, ALWAYS).said).toEqual({ healthy: false, detail: 'HTTP 200' });
  });

  test('looks for a text in the first 64 KiB of the body', async () => {
    const said = (body: string) => probe(httpCheck(`${origin}/name`, { body }), ALWAYS).said;
    expect(await said('xxxx')).toEqual({ healthy: true, detail: 'HTTP 200, as expected' });
    expect(await said('the end')).toEqual({ healthy: false, detail: 'HTTP 200, without "the end"' });
  });

  test('asks for the name that is given', async () => {
    const port = new URL(origin).port;
    const check = httpCheck(`${origin}/name`, { serverName: 'www.example.com', body: `for www.example.com:${port}:` });
    expect(await probe(check, ALWAYS).said).toMatchObject({ healthy: true });
  });

  test('fails when nothing is answered in time, or nobody listens', async () => {
    expect(await probe(httpCheck(`${origin}/hangs`, { timeoutMs: 100 }), ALWAYS).said).toEqual({
      healthy: false,
      detail: 'no answer within 100 ms',
    });
    expect(await probe(httpCheck('http://127.0.0.1:1/'), ALWAYS).said).toEqual({
      healthy: false,
      detail: 'ECONNREFUSED',
    });
  });
});

describe('https', () => {
  let server: TlsServer;
  let url: string;
  let asked: (string | undefined)[];
  beforeAll(async () => {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'];
    const named = ['-subj', '/CN=www.example.com', '-keyout', key, '-out', certificate];
    execFileSync('openssl', [...made, ...named], { stdio: 'ignore' });
    asked = [];
    server = createTlsServer({ key: readFileSync(key), cert: readFileSync(certificate) }, ({ socket }, response) => {
      asked.push('servername' in socket && typeof socket.servername === 'string' ? socket.servername : undefined);
      response.end('ok');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `https://127.0.0.1:${portOf(server)}/`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });

  test('a certificate that proves nothing is refused, unless insecure = true', async () => {
    expect(await probe(httpCheck(url), ALWAYS).said).toEqual({
      healthy: false,
      detail: 'the certificate is not accepted: DEPTH_ZERO_SELF_SIGNED_CERT',
    });
    expect(asked).toEqual([]);
    expect(await probe(httpCheck(url, { insecure: true }), ALWAYS).said).toEqual({ healthy: true, detail: 'HTTP 200' });
  });

  test('server_name is the name that TLS is asked for', async () => {
    asked = [];
    await probe(httpCheck(url, { insecure: true, serverName: 'www.example.com' }), ALWAYS).said;
    expect(asked).toEqual(['www.example.com']);
  });
});

test('tcp passes if the connection is accepted', async () => {
  const server = createTcpServer((socket) => socket.on('error', () => {}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const port = portOf(server);
  expect(await probe(tcpCheck('127.0.0.1', port), ALWAYS).said).toMatchObject({ healthy: true });
  await new Promise((resolve) => server.close(resolve));
  expect(await probe(tcpCheck('127.0.0.1', port), ALWAYS).said).toEqual({
    healthy: false,
    detail: `127.0.0.1 port ${port}: ECONNREFUSED`,
  });
});

test('file passes while it exists', async () => {
  const path = join(folder, 'switch');
  expect(await probe(fileCheck(path), ALWAYS).said).toEqual({ healthy: false, detail: `${path} does not exist` });
  writeFileSync(path, '');
  expect(await probe(fileCheck(path), ALWAYS).said).toEqual({ healthy: true, detail: `${path} exists` });
});

function portOf(server: { address(): AddressInfo | string | null }): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('not listening on a port');
  return address.port;
}
