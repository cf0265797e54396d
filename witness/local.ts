/**
 * `npm run witness -- --ip ADDR --port N [--data DIR]`: the Worker on this host, in the foreground, for development and
 * tests. It needs no network but the address that it listens on. Without --data nothing outlives it.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { lockData } from './data-lock.ts';

const USAGE = 'usage: TIEBREAK_ADMIN_TOKEN=... npm run witness -- [--ip ADDR] [--port N] [--data DIR]';
const ADMIN_TOKEN = /^[\x21-\x7e]{16,}$/;
const READY_WITHIN_MS = 60_000;
const POLL_MS = 100;
/** A host whose init reaps nothing keeps ended processes in the group: then this is waited for in vain. */
const END_WITHIN_MS = 1_000;

type Options = { ip: string; port: number; data: string | null; adminToken: string };
type Read = { ok: true; options: Options } | { ok: false; reason: string };

function readOptions(argv: string[], adminToken: string | undefined): Read {
  const known = { ip: { type: 'string' }, port: { type: 'string' }, data: { type: 'string' } } as const;
  let values: { ip?: string | undefined; port?: string | undefined; data?: string | undefined };
  try {
    ({ values } = parseArgs({ args: argv, options: known }));
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
  const { ip = '127.0.0.1', port = '8787', data } = values;
  if (isIP(ip) === 0) return { ok: false, reason: `--ip ${ip} is no IP address` };
  if (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65_535)
    return { ok: false, reason: `--port ${port} is no port` };
  if (adminToken === undefined || !ADMIN_TOKEN.test(adminToken)) {
    return {
      ok: false,
      reason:
        'the environment variable TIEBREAK_ADMIN_TOKEN must hold the admin token: 16 or more letters, digits or signs, no spaces.\n' +
        'For a new one: export TIEBREAK_ADMIN_TOKEN=$(openssl rand -hex 32)',
    };
  }
  return { ok: true, options: { ip, port: Number(port), data: data === undefined ? null : resolve(data), adminToken } };
}

/** wrangler would quietly take another port, or answer from someone else's. */
async function portProblem(ip: string, port: number): Promise<string | null> {
  const server = createServer();
  try {
    server.listen(port, ip);
    await once(server, 'listening');
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    server.close();
  }
}

/** In a process group of its own, which ends as a whole; the token goes by the environment, which `ps` does not show. */
function startWrangler({ ip, port, data, adminToken }: Options, scratch: string): ChildProcess {
  const top = fileURLToPath(new URL('..', import.meta.url));
  // Next to its configuration wrangler writes its temporary files: hence a copy, away from the sources.
  const config = join(scratch, 'wrangler.toml');
  copyFileSync(join(top, 'wrangler.toml'), config);
  const wrangler = join(dirname(createRequire(import.meta.url).resolve('wrangler/package.json')), 'bin', 'wrangler.js');
  const home = join(scratch, 'home');
  mkdirSync(home);
  return spawn(
    process.execPath,
    [
      ...[wrangler, 'dev', join(top, 'witness', 'index.ts'), '--config', config, '--local'],
      ...['--ip', ip, '--port', String(port), '--inspector-port', '0', '--persist-to', data ?? join(scratch, 'state')],
      ...['--log-level', 'warn', '--show-interactive-dev-session=false'],
    ],
    {
      cwd: scratch,
      detached: true,
      stdio: ['ignore', process.stderr, process.stderr],
      env: {
        PATH: process.env.PATH ?? '',
        HOME: home,
        XDG_CONFIG_HOME: home,
        TMPDIR: scratch,
        CI: '1',
        NO_COLOR: '1',
        WRANGLER_SEND_METRICS: 'false',
        WRANGLER_SEND_ERROR_REPORTS: 'false',
        WRANGLER_HIDE_BANNER: 'true',
        WRANGLER_WRITE_LOGS: 'false',
        WRANGLER_LOG_PATH: join(scratch, 'logs'),
        WRANGLER_REGISTRY_PATH: join(scratch, 'registry'),
        CLOUDFLARE_CF_FETCH_ENABLED: 'false',
        // They would show the cluster's storage, its reply keys included, to whoever asks on this port.
        X_LOCAL_EXPLORER: 'false',
        X_LOCAL_OBSERVABILITY: 'false',
        CLOUDFLARE_INCLUDE_PROCESS_ENV: 'true',
        TIEBREAK_ADMIN_TOKEN: adminToken,
      },
    },
  );
}

async function isReady(base: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/healthz', base), { signal: AbortSignal.timeout(1_000) });
    return response.ok && (await response.text()) === '{"status":"ok"}';
  } catch {
    return false;
  }
}

async function becomesReady(base: string, ended: AbortSignal): Promise<boolean> {
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  while (!ended.aborted && performance.now() < deadlineMs) {
    if (await isReady(base)) return true;
    await sleep(POLL_MS);
  }
  return false;
}

/** False once no process of the group is left. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch {
    return false;
  }
}

async function endGroup(pid: number): Promise<void> {
  const deadlineMs = performance.now() + END_WITHIN_MS;
  signalGroup(pid, 'SIGTERM');
  while (signalGroup(pid, 0) && performance.now() < deadlineMs) await sleep(POLL_MS / 2);
  signalGroup(pid, 'SIGKILL');
}

async function main(): Promise<number> {
  const read = readOptions(process.argv.slice(2), process.env.TIEBREAK_ADMIN_TOKEN);
  if (!read.ok) {
    console.error(`${read.reason}\n${USAGE}`);
    return 2;
  }
  const { ip, port } = read.options;
  const host = (address: string) => (isIP(address) === 6 ? `[${address}]` : address);
  const taken = await portProblem(ip, port);
  if (taken !== null) {
    console.error(`the witness cannot listen on ${host(ip)}:${port}: ${taken}`);
    return 1;
  }
  const { data } = read.options;
  if (data !== null) mkdirSync(data, { recursive: true });
  const locked = data === null ? null : lockData(data);
  if (locked?.ok === false) {
    console.error(locked.reason);
    return 1;
  }
  const scratch = mkdtempSync(join(tmpdir(), 'tiebreak-witness-'));
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort('asked'));
  const child = startWrangler(read.options, scratch);
  if (child.pid !== undefined) locked?.lock.runs(child.pid);
  child.once('exit', () => stop.abort('died'));
  child.once('error', () => stop.abort('died'));
  try {
    const reachable = ip === '0.0.0.0' ? '127.0.0.1' : ip === '::' ? '::1' : ip;
    if (await becomesReady(`http://${host(reachable)}:${port}`, stop.signal)) {
      console.log(`witness ready on http://${host(ip)}:${port}`);
      if (!stop.signal.aborted) await once(stop.signal, 'abort');
    }
  } finally {
    if (child.pid !== undefined) await endGroup(child.pid);
    locked?.lock.release();
    rmSync(scratch, { recursive: true, force: true, maxRetries: 3 });
  }
  if (stop.signal.reason === 'asked') return 0;
  console.error(
    stop.signal.aborted
      ? 'the witness ended by itself'
      : `the witness was not ready after ${READY_WITHIN_MS / 1_000} s`,
  );
  return 1;
}

process.exitCode = await main();
