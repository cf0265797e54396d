import { existsSync, linkSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { apiSocketPath, type StartedApi, startApi } from '../../../agent/api/index.ts';
import { readApi } from '../../../agent/cli/local-api.ts';
import { SOURCES } from './sources.ts';
import { WELL } from './status-example.ts';

const TOKEN = 'a-token-of-22-letters';

type RunningApi = Extract<StartedApi, { ok: true }>;

let runDir: string;
const running = new Set<{ close: () => unknown }>();

beforeEach(() => {
  runDir = mkdtempSync(join(tmpdir(), 'tb-api-'));
});
afterEach(async () => {
  for (const api of running) await api.close();
  running.clear();
  rmSync(runDir, { recursive: true, force: true });
});

function start(port = 0, host = '127.0.0.1'): Promise<StartedApi> {
  return startApi({ ...SOURCES, listen: { host, port }, runDir, token: () => TOKEN });
}

async function started(): Promise<RunningApi> {
  const api = await start();
  if (!api.ok) throw new Error(api.error);
  running.add(api);
  return api;
}

function listening(server: Server, where: string | number): Promise<void> {
  running.add(server);
  return new Promise((resolve) => {
    if (typeof where === 'string') server.listen(where, resolve);
    else server.listen(where, '127.0.0.1', resolve);
  });
}

describe('the API', () => {
  it('answers on TCP and on the socket, which only owner and group may use', async () => {
    const { port } = await started();
    const path = apiSocketPath(runDir);
    expect(statSync(path).mode & 0o777).toBe(0o660);
    for (const target of [
      { kind: 'socket', path },
      { kind: 'url', url: `http://127.0.0.1:${port}` },
    ] as const) {
      const answer = await readApi(target, '/v1/status');
      if (!answer.ok) throw new Error(answer.error);
      expect(JSON.parse(answer.text)).toEqual(WELL);
    }
  });

  it('leaves nothing behind when it is closed', async () => {
    const api = await started();
    await api.close();
    running.delete(api);
    expect(readdirSync(runDir)).toEqual([]);
    expect(await readApi({ kind: 'url', url: `http://127.0.0.1:${api.port}` }, '/v1/status')).toMatchObject({
      ok: false,
    });
  });

  it('makes the run_dir if there is none', async () => {
    runDir = join(runDir, 'deeper', 'run');
    await started();
    expect(existsSync(apiSocketPath(runDir))).toBe(true);
  });

  it.each(['a plain file', 'a socket nobody listens on'])('replaces what a dead agent left: %s', async (what) => {
    const path = apiSocketPath(runDir);
    if (what === 'a plain file') {
      writeFileSync(path, '');
    } else {
      // Bound beside its place and linked there: closing removes the one name only, as a crash removes none.
      const server = createServer();
      await listening(server, join(runDir, 'dead.sock'));
      linkSync(join(runDir, 'dead.sock'), path);
      await new Promise((resolve) => server.close(resolve));
      running.delete(server);
    }
    await started();
    expect(await readApi({ kind: 'socket', path }, '/healthz')).toMatchObject({ ok: true });
  });

  it('does not start beside a live agent, and leaves that one alone', async () => {
    const first = await started();
    const path = apiSocketPath(runDir);
    expect(await start()).toEqual({
      ok: false,
      error: `another agent is running: it answers on ${path}; stop it, or set another run_dir`,
    });
    expect(await readApi({ kind: 'socket', path }, '/healthz')).toMatchObject({ ok: true });
    expect(first.ok).toBe(true);
  });

  it('says whose port it is that it cannot have, and takes its socket back', async () => {
    const other = createServer();
    await listening(other, 0);
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await start(port)).toEqual({
      ok: false,
      error: `[api].listen 127.0.0.1:${port} is taken by another program; find it with 'ss -ltnp sport = :${port}', or set another port`,
    });
    expect(readdirSync(runDir)).toEqual([]);
  });

  it('says when the address is not of this host', async () => {
    expect(await start(9112, '192.0.2.77')).toEqual({
      ok: false,
      error: '[api].listen 192.0.2.77:9112 is not an address of this host',
    });
  });
});
