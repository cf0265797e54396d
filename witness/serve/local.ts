/**
 * `npm run witness -- --ip ADDR --port N [--data DIR]`: `tiebreak witness serve` for development and tests. Without --data
 * nothing outlives it.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { adminTokenProblem } from './admin-token.ts';
import { ordersBySignal } from './orders.ts';
import { serveWitness } from './serve.ts';

const USAGE = 'usage: TIEBREAK_ADMIN_TOKEN=... npm run witness -- [--ip ADDR] [--port N] [--data DIR]';

type Options = { ip: string; port: number; data: string | null; adminToken: string };
type Read = { ok: true; options: Options } | { ok: false; reason: string };

function readOptions(argv: string[], adminToken = ''): Read {
  const known = { ip: { type: 'string' }, port: { type: 'string' }, data: { type: 'string' } } as const;
  let values: { ip?: string | undefined; port?: string | undefined; data?: string | undefined };
  try {
    ({ values } = parseArgs({ args: argv, options: known }));
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
  const { ip = '127.0.0.1', port = '8787', data = null } = values;
  if (isIP(ip) === 0) return { ok: false, reason: `--ip ${ip} is no IP address` };
  if (!/^[1-9][0-9]{0,4}$/.test(port) || Number(port) > 65_535)
    return { ok: false, reason: `--port ${port} is no port` };
  const problem = adminTokenProblem(adminToken, 'the environment variable TIEBREAK_ADMIN_TOKEN');
  if (problem !== undefined) return { ok: false, reason: problem };
  return { ok: true, options: { ip, port: Number(port), data, adminToken } };
}

async function main(): Promise<number> {
  const read = readOptions(process.argv.slice(2), process.env.TIEBREAK_ADMIN_TOKEN);
  if (!read.ok) {
    console.error(`${read.reason}\n${USAGE}`);
    return 2;
  }
  const { adminToken, data, ip, port } = read.options;
  const scratch = data === null ? mkdtempSync(join(tmpdir(), 'tiebreak-witness-data-')) : null;
  try {
    const served = await serveWitness(
      { listen: { host: ip, port }, data: data ?? scratch ?? '', adminToken, tls: null, privateWebhooks: false },
      ordersBySignal(),
      {
        ready: (url) => console.log(`witness ready on ${url}`),
        reloading: () => {},
        notReloaded: () => {},
        stopping: () => {},
      },
    );
    if (served.ok) return 0;
    console.error(served.reason);
    return 1;
  } finally {
    if (scratch !== null) rmSync(scratch, { recursive: true, force: true });
  }
}

process.exitCode = await main();
