import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { type DeployOptions, deployWitness } from '../../../agent/witness-setup/deploy.ts';
import { wranglerAt } from '../../../agent/witness-setup/index.ts';

const STUB = fileURLToPath(new URL('stub-wrangler.ts', import.meta.url));
const URL_OF_IT = 'https://tiebreak-witness.example.workers.dev';
const DEPLOYED = {
  notes: `${JSON.stringify({ type: 'wrangler-session', version: 1 })}\n${JSON.stringify({ type: 'deploy', version: 1, targets: ['schedule: * * * * *', URL_OF_IT] })}\n`,
};
const NO_WORKER = { code: 1, stderr: '✘ [ERROR] Worker "tiebreak-witness" not found.\n\nIf this is a new Worker, ...' };

let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-deploy-'));
  file = join(directory, 'config', 'witness.json');
});
afterEach(() => rmSync(directory, { recursive: true }));

function deploy(answers: Readonly<Record<string, object>>, options: Partial<DeployOptions> = {}) {
  writeFileSync(join(directory, 'answers.json'), JSON.stringify(answers));
  return deployWitness({
    worker: 'tiebreak-witness',
    dryRun: false,
    newAdminToken: false,
    credentialsFile: file,
    environment: { PATH: process.env.PATH, STUB_FOLDER: directory },
    runWrangler: wranglerAt(STUB),
    isInteractive: false,
    healthy: async () => ({ ok: true, value: null }),
    ...options,
  });
}

const Call = z.object({
  args: z.array(z.string()),
  environment: z.record(z.string(), z.string()),
  secrets: z.object({ content: z.string(), mode: z.number() }).nullable(),
  config: z.string(),
});

function calls(): z.infer<typeof Call>[] {
  const path = join(directory, 'calls.ndjson');
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').trim().split('\n');
  return lines.map((line) => Call.parse(JSON.parse(line)));
}

const kept = (): unknown => JSON.parse(readFileSync(file, 'utf8'));
const Kept = z.object({ url: z.string(), admin_token: z.string(), worker: z.string() });

test('makes an admin token, which goes with the Worker and into a file, and is nobody to see', async () => {
  const deployed = await deploy({ deploy: DEPLOYED, secret: NO_WORKER });
  expect(deployed).toEqual({ kind: 'deployed', url: URL_OF_IT, adminToken: 'new' });
  const { admin_token: token, ...rest } = Kept.parse(kept());
  expect(token).toMatch(/^[0-9a-f]{64}$/);
  expect(rest).toEqual({ url: URL_OF_IT, worker: 'tiebreak-witness' });
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const [list, upload] = calls();
  expect(list?.args.slice(0, 4)).toEqual(['secret', 'list', '--name', 'tiebreak-witness']);
  expect(upload?.secrets).toEqual({ content: JSON.stringify({ TIEBREAK_ADMIN_TOKEN: token }), mode: 0o600 });
  expect(upload?.args.join(' ')).toMatch(/^deploy \S+\/witness\/index\.ts .*--name tiebreak-witness --secrets-file /);
  expect(upload?.config).toBe(readFileSync(new URL('../../../wrangler.toml', import.meta.url), 'utf8'));
  expect(JSON.stringify([upload?.args, upload?.environment])).not.toContain(token);
  // The file with the secret is gone.
  const secrets = upload?.args.at(-1) ?? directory;
  expect(existsSync(secrets)).toBe(false);
});

test('again it updates the Worker and keeps the token', async () => {
  await deploy({ deploy: DEPLOYED, secret: NO_WORKER });
  const before = kept();
  expect(await deploy({ deploy: DEPLOYED })).toMatchObject({ kind: 'deployed', adminToken: 'kept' });
  expect(kept()).toEqual(before);
  expect(calls().map(({ args }) => args[0])).toEqual(['secret', 'deploy', 'deploy']);
  const [, first, second] = calls();
  expect(second?.secrets).toEqual(first?.secrets);
});

test('takes the token from the environment, and does not hand the variable on', async () => {
  const environment = { STUB_FOLDER: directory, TIEBREAK_ADMIN_TOKEN: 'chosen-by-the-operator' };
  expect(await deploy({ deploy: DEPLOYED }, { environment })).toMatchObject({ adminToken: 'kept' });
  expect(kept()).toMatchObject({ admin_token: 'chosen-by-the-operator' });
  expect(calls()[0]?.environment).not.toHaveProperty('TIEBREAK_ADMIN_TOKEN');
  const other = { ...environment, TIEBREAK_ADMIN_TOKEN: 'another-than-in-the-file' };
  expect(await deploy({ deploy: DEPLOYED }, { environment: other })).toMatchObject({ kind: 'usage' });
  const short = { ...environment, TIEBREAK_ADMIN_TOKEN: 'short' };
  expect(await deploy({ deploy: DEPLOYED }, { environment: short })).toMatchObject({ kind: 'usage' });
  expect(calls()).toHaveLength(1);
});

test('does not void the token of a Worker that someone else has deployed, unless told to', async () => {
  const secret = { stdout: JSON.stringify([{ name: 'TIEBREAK_ADMIN_TOKEN', type: 'secret_text' }]) };
  expect(await deploy({ deploy: DEPLOYED, secret })).toEqual({
    kind: 'failed',
    reason: `the Worker tiebreak-witness has an admin token already, and ${file} is not there: set TIEBREAK_ADMIN_TOKEN to it, or void it with --new-admin-token`,
  });
  expect(calls().map(({ args }) => args[0])).toEqual(['secret']);
  expect(existsSync(file)).toBe(false);
  const deployed = await deploy({ deploy: DEPLOYED, secret }, { newAdminToken: true });
  expect(deployed).toMatchObject({ kind: 'deployed', adminToken: 'new' });
});

test('goes no further when wrangler cannot tell whether there is one', async () => {
  const secret = { code: 1, stderr: 'In a non-interactive environment, set CLOUDFLARE_API_TOKEN' };
  const failed = await deploy({ deploy: DEPLOYED, secret });
  expect(failed).toMatchObject({ kind: 'failed', reason: expect.stringContaining('set CLOUDFLARE_API_TOKEN') });
  expect(calls().map(({ args }) => args[0])).toEqual(['secret']);
});

test('lets a person log in first', async () => {
  const secret = { code: 1, stderr: 'not logged in' };
  await deploy({ deploy: DEPLOYED, secret, login: {} }, { isInteractive: true });
  expect(calls().map(({ args }) => args[0])).toEqual(['secret', 'login', 'secret']);
});

test('--new-admin-token replaces the one in the file', async () => {
  await deploy({ deploy: DEPLOYED, secret: NO_WORKER });
  const before = Kept.parse(kept()).admin_token;
  expect(await deploy({ deploy: DEPLOYED }, { newAdminToken: true })).toMatchObject({ adminToken: 'new' });
  expect(Kept.parse(kept()).admin_token).not.toBe(before);
});

test('when wrangler fails, the credentials stay as they were', async () => {
  await deploy({ deploy: DEPLOYED, secret: NO_WORKER });
  const before = kept();
  const failed = await deploy({ deploy: { code: 3 } }, { newAdminToken: true });
  expect(failed).toEqual({ kind: 'failed', reason: 'wrangler failed (3), as it says above' });
  const nowhere = await deploy({ deploy: {} });
  expect(nowhere).toMatchObject({ kind: 'failed', reason: expect.stringContaining('is deployed without an address') });
  expect(kept()).toEqual(before);
  expect(readdirSync(join(directory, 'config'))).toEqual(['witness.json']);
});

test('the credentials of another witness are not overwritten', async () => {
  await deploy({ deploy: DEPLOYED, secret: NO_WORKER });
  const other = await deploy({ deploy: DEPLOYED }, { worker: 'second-witness' });
  const reason = `${file} is of the Worker tiebreak-witness: name another file with --credentials`;
  expect(other).toEqual({ kind: 'usage', reason });
  writeFileSync(file, JSON.stringify({ url: 'https://own.example.com', admin_token: 'of-the-witness-over-there' }));
  expect(await deploy({ deploy: DEPLOYED })).toMatchObject({
    reason: expect.stringContaining('https://own.example.com'),
  });
  expect(calls()).toHaveLength(2);
});

test('nothing is deployed whose credentials could not be kept', async () => {
  writeFileSync(join(directory, 'config'), 'in the way');
  expect(await deploy({ deploy: DEPLOYED, secret: NO_WORKER })).toMatchObject({ kind: 'usage' });
  expect(calls()).toEqual([]);
});

test('waits for the witness to answer, and keeps the credentials if it does not', async () => {
  let asked = 0;
  const failure = { ok: false, error: 'ENOTFOUND', code: undefined, perhapsDone: false } as const;
  const late = async () => {
    asked += 1;
    return asked < 3 ? failure : ({ ok: true, value: null } as const);
  };
  expect(await deploy({ deploy: DEPLOYED, secret: NO_WORKER }, { healthy: late })).toMatchObject({ kind: 'deployed' });
  expect(asked).toBe(3);
  const never = await deploy({ deploy: DEPLOYED }, { healthy: async () => failure, patienceMs: 20 });
  const reason = `${URL_OF_IT} is deployed and its credentials are in ${file}, but it does not answer yet: ENOTFOUND`;
  expect(never).toEqual({ kind: 'failed', reason });
  expect(kept()).toMatchObject({ url: URL_OF_IT });
});

test('--dry-run uploads nothing and writes nothing', async () => {
  expect(await deploy({ deploy: {} }, { dryRun: true })).toEqual({ kind: 'checked' });
  const [call] = calls();
  expect([call?.args.at(-1), call?.secrets, existsSync(file)]).toEqual(['--dry-run', null, false]);
});
