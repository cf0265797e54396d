import { randomBytes } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { ADMIN_TOKEN_VARIABLE } from './access.ts';
import { AdminApi, type Answer } from './admin-api.ts';
import { type Credentials, credentialsText, isAdminToken, readCredentials } from './credentials-file.ts';
import { prepareSecretFile } from './secret-file.ts';
import { deployedUrl, type Environment, type RunWrangler, secretNames } from './wrangler.ts';

/** A new address at workers.dev takes some seconds, until its name and certificate are known everywhere. */
const ANSWERS_WITHIN_MS = 90_000;
const ASK_AGAIN_MS = 1_000;

const WORKER = fileURLToPath(new URL('../../witness/index.ts', import.meta.url));
const CONFIGURATION = fileURLToPath(new URL('../../wrangler.toml', import.meta.url));

export type DeployOptions = {
  /** The name of the Worker. */
  readonly worker: string;
  readonly dryRun: boolean;
  /** Void the admin token that the Worker has by now. */
  readonly newAdminToken: boolean;
  readonly credentialsFile: string;
  readonly environment: Environment;
  readonly runWrangler: RunWrangler;
  readonly isInteractive: boolean;
  /** Whether the witness answers. */
  readonly healthy?: (url: string) => Promise<Answer<null>>;
  readonly patienceMs?: number;
};

export type Deployed =
  | { readonly kind: 'deployed'; readonly url: string; readonly adminToken: 'new' | 'kept' }
  | { readonly kind: 'checked' }
  | { readonly kind: 'failed' | 'usage'; readonly reason: string };

type Chosen =
  | { readonly ok: true; readonly token: string | undefined }
  | { readonly ok: false; readonly reason: string };

/**
 * Deploys the Worker, or updates it. The admin token goes with the very version that needs it, by a file which only this
 * user can read and which is gone afterwards, so that no process list shows it and the Worker never runs without.
 */
export async function deployWitness(options: DeployOptions): Promise<Deployed> {
  const known = knownToken(options);
  if (!known.ok) return { kind: 'usage', reason: known.reason };
  const scratch = mkdtempSync(join(tmpdir(), 'tiebreak-deploy-'));
  try {
    const wrangler = new Wrangler(options, scratch);
    if (options.dryRun) {
      const { code } = await wrangler.deploy(undefined);
      return code === 0
        ? { kind: 'checked' }
        : { kind: 'failed', reason: `wrangler failed (${code}), as it says above` };
    }
    if (known.token === undefined && !options.newAdminToken) {
      const foreign = await wrangler.foreignToken();
      if (foreign !== undefined) return { kind: 'failed', reason: foreign };
    }
    return await deployWith(known.token, options, wrangler);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function deployWith(known: string | undefined, options: DeployOptions, wrangler: Wrangler): Promise<Deployed> {
  const { credentialsFile, worker } = options;
  const adminToken = known ?? randomBytes(32).toString('hex');
  const prepared = prepareSecretFile(credentialsFile, { replace: true });
  if (!prepared.ok) return { kind: 'failed', reason: prepared.reason };
  const { code, url } = await wrangler.deploy(adminToken);
  if (code !== 0 || url === undefined) {
    prepared.file.abandon();
    const again = known === undefined ? ', then deploy again with --new-admin-token' : ', then deploy again';
    const reason =
      code === 0
        ? `the Worker ${worker} is deployed without an address: give it one (workers_dev or routes in wrangler.toml)${again}`
        : `wrangler failed (${code}), as it says above`;
    return { kind: 'failed', reason };
  }
  const written = prepared.file.write(credentialsText({ url, admin_token: adminToken, worker }));
  if (!written.ok) {
    const where = written.savedIn === undefined ? 'again with --new-admin-token' : `they are in ${written.savedIn}`;
    const reason = `${url} runs, but its credentials could not be written into ${credentialsFile} (${written.reason}): ${where}`;
    return { kind: 'failed', reason };
  }
  const answers = await waitUntilHealthy(url, options);
  if (answers.ok) return { kind: 'deployed', url, adminToken: known === undefined ? 'new' : 'kept' };
  const reason = `${url} is deployed and its credentials are in ${credentialsFile}, but it does not answer yet: ${answers.error}`;
  return { kind: 'failed', reason };
}

/** The token to go on with; undefined: a new one has to be made. */
function knownToken({ credentialsFile, environment, newAdminToken, worker }: DeployOptions): Chosen {
  const fromEnvironment = environment[ADMIN_TOKEN_VARIABLE];
  if (fromEnvironment !== undefined && !isAdminToken(fromEnvironment)) {
    const reason = `the environment variable ${ADMIN_TOKEN_VARIABLE} is no admin token: 16 or more letters, digits or signs. Without it a new one is made`;
    return { ok: false, reason };
  }
  const read = readCredentials(credentialsFile);
  if (read.kind === 'unusable') return { ok: false, reason: read.reason };
  if (read.kind === 'found' && read.credentials.worker !== worker) {
    const reason = `${credentialsFile} is of ${describe(read.credentials)}: name another file with --credentials`;
    return { ok: false, reason };
  }
  const kept = read.kind === 'found' ? read.credentials.admin_token : undefined;
  if (newAdminToken) return { ok: true, token: undefined };
  if (fromEnvironment !== undefined && kept !== undefined && fromEnvironment !== kept) {
    const reason = `the environment variable ${ADMIN_TOKEN_VARIABLE} holds another admin token than ${credentialsFile}: unset it, or remove the file`;
    return { ok: false, reason };
  }
  return { ok: true, token: kept ?? fromEnvironment };
}

function describe({ url, worker }: Credentials): string {
  return worker === undefined ? url : `the Worker ${worker}`;
}

async function waitUntilHealthy(
  url: string,
  { healthy = askHealth, patienceMs = ANSWERS_WITHIN_MS }: DeployOptions,
): Promise<Answer<null>> {
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const answer = await healthy(url);
    if (answer.ok || performance.now() >= deadlineMs) return answer;
    await sleep(Math.min(ASK_AGAIN_MS, patienceMs));
  }
}

/** Says nothing of a token: whoever answers at a new address need not be the witness yet. */
function askHealth(url: string): Promise<Answer<null>> {
  return new AdminApi({ url, adminToken: 'none', source: 'nowhere' }).healthy();
}

/** wrangler with tiebreak's own Worker; its configuration is copied, since it writes beside that what it builds. */
class Wrangler {
  readonly #options: DeployOptions;
  readonly #scratch: string;
  readonly #environment: Environment;

  constructor(options: DeployOptions, scratch: string) {
    this.#options = options;
    this.#scratch = scratch;
    const { [ADMIN_TOKEN_VARIABLE]: _, ...environment } = options.environment;
    // Its logs stay on the disk for long.
    this.#environment = { WRANGLER_SEND_METRICS: 'false', WRANGLER_WRITE_LOGS: 'false', ...environment };
    copyFileSync(CONFIGURATION, this.#configuration);
  }

  get #configuration(): string {
    return join(this.#scratch, 'wrangler.toml');
  }

  /** Without a token: a trial that uploads nothing. */
  async deploy(adminToken: string | undefined): Promise<{ code: number; url: string | undefined }> {
    const notes = join(this.#scratch, 'notes.ndjson');
    const secrets = join(this.#scratch, 'secrets.json');
    writeFileSync(notes, '');
    if (adminToken !== undefined) {
      writeFileSync(secrets, JSON.stringify({ [ADMIN_TOKEN_VARIABLE]: adminToken }), { mode: 0o600, flag: 'wx' });
    }
    const { code } = await this.#options.runWrangler(
      [
        ...['deploy', WORKER, '--config', this.#configuration],
        ...['--name', this.#options.worker],
        ...(adminToken === undefined ? ['--dry-run'] : ['--secrets-file', secrets]),
      ],
      { folder: this.#scratch, environment: { ...this.#environment, WRANGLER_OUTPUT_FILE_PATH: notes } },
      'shown',
    );
    return { code, url: deployedUrl(readFileSync(notes, 'utf8')) };
  }

  /** Why the Worker must not be given a new admin token unasked: someone else has one for it. Logs in where that is needed. */
  async foreignToken(): Promise<string | undefined> {
    const { isInteractive, runWrangler, worker } = this.#options;
    const list = ['secret', 'list', '--name', worker, '--config', this.#configuration, '--format', 'json'];
    const here = { folder: this.#scratch, environment: this.#environment };
    let ran = await runWrangler(list, here, 'read');
    if (ran.code !== 0 && !isNoWorker(ran.stderr + ran.stdout) && isInteractive) {
      await runWrangler(['login'], here, 'shown');
      ran = await runWrangler(list, here, 'read');
    }
    if (ran.code !== 0) {
      if (isNoWorker(ran.stderr + ran.stdout)) return undefined;
      return `wrangler cannot tell whether there is a Worker ${worker} already:\n${(ran.stderr + ran.stdout).trim()}`;
    }
    if (!secretNames(ran.stdout).includes(ADMIN_TOKEN_VARIABLE)) return undefined;
    return `the Worker ${worker} has an admin token already, and ${this.#options.credentialsFile} is not there: set ${ADMIN_TOKEN_VARIABLE} to it, or void it with --new-admin-token`;
  }
}

function isNoWorker(text: string): boolean {
  return /Worker "[^"]*".* not found/.test(text);
}
