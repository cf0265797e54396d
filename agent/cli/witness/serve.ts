import { readFileSync } from 'node:fs';
import type * as Serving from '@tiebreak/witness/serve';
import type { Command } from 'commander';
import { createLogger } from '../../log/index.ts';
import { openServiceManager } from '../../service-manager/index.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { missingProgram } from './missing-program.ts';

/** Where a socket that the service manager listens on begins (sd_listen_fds(3)). */
const FIRST_INHERITED_FD = 3;

type Options = {
  readonly listen?: string;
  readonly data: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly adminTokenFile?: string;
  readonly privateWebhooks?: true;
};

export function registerServe(witness: Command): void {
  witness
    .command('serve')
    .description('run the witness on this host, in the foreground; SIGHUP reads its certificate anew')
    .option('--listen <address:port>', '192.0.2.10:8787 or [::]:8787; not needed with a systemd socket')
    .requiredOption('--data <folder>', 'keeps its votes and credentials; must outlive reboots')
    .option('--tls-cert <file>', 'certificate chain in PEM: https instead of http')
    .option('--tls-key <file>', 'its private key')
    .option('--admin-token-file <file>', 'instead of the environment variable TIEBREAK_ADMIN_TOKEN')
    .option('--private-webhooks', 'let webhooks lead into private networks, by plain HTTP too')
    .action(async (options: Options) => {
      const missing = missingProgram('workerd');
      if (missing !== undefined) {
        process.exitCode = fail(missing);
        return;
      }
      // It brings a bundler along, which the other commands need not wait for.
      process.exitCode = await serve(await import('@tiebreak/witness/serve'), options, process.env);
    });
}

async function serve(serving: typeof Serving, options: Options, environment: NodeJS.ProcessEnv): Promise<number> {
  const read = readOptions(serving, options, environment);
  if (!read.ok) {
    process.stderr.write(`tiebreak: ${read.reason}\n`);
    return EXIT.usage;
  }
  const log = createLogger('info');
  const manager = openServiceManager(environment, [process.pid]);
  if (typeof manager === 'string') log.warn(manager);
  const notify = (...state: string[]): void => {
    if (typeof manager === 'object') manager.notify(...state);
  };
  if (read.options.tls === null)
    log.warn('http:// is neither encrypted nor proof of who answers: give --tls-cert and --tls-key');
  const served = await serving.serveWitness(read.options, serving.ordersBySignal(), {
    ready(url) {
      log.info({ url }, `witness ready on ${url}`);
      notify('READY=1', `STATUS=ready on ${url}`);
    },
    reloading() {
      log.info('SIGHUP: the runtime is started anew');
      notify('RELOADING=1', `MONOTONIC_USEC=${process.hrtime.bigint() / 1_000n}`);
    },
    notReloaded: (reason) => log.error(`goes on as before: ${reason}`),
    stopping() {
      log.info('stopping');
      notify('STOPPING=1');
    },
  });
  if (typeof manager === 'object') manager.close();
  return served.ok ? EXIT.good : fail(served.reason);
}

type Read =
  | { readonly ok: true; readonly options: Serving.ServeOptions }
  | { readonly ok: false; readonly reason: string };

function readOptions(
  { adminTokenProblem, parseListenAddress }: typeof Serving,
  options: Options,
  environment: NodeJS.ProcessEnv,
): Read {
  const { adminTokenFile, data, privateWebhooks, tlsCert, tlsKey } = options;
  const inherited = inheritedSocket(environment);
  if (!inherited.ok) return inherited;
  const given = options.listen === undefined ? undefined : parseListenAddress(options.listen);
  const listen = given ?? (inherited.fd === null ? undefined : { inherited: inherited.fd });
  if (listen === undefined || (given === undefined && options.listen !== undefined)) {
    return { ok: false, reason: '--listen takes ADDRESS:PORT, with an IP address: 192.0.2.10:8787 or [::]:8787' };
  }
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    return { ok: false, reason: '--tls-cert and --tls-key belong together' };
  }
  const token = readAdminToken(adminTokenFile, environment);
  if (!token.ok) return token;
  const from = adminTokenFile ?? 'the environment variable TIEBREAK_ADMIN_TOKEN, or --admin-token-file,';
  const problem = adminTokenProblem(token.token, from);
  if (problem !== undefined) return { ok: false, reason: problem };
  const tls = tlsCert === undefined || tlsKey === undefined ? null : { certificate: tlsCert, key: tlsKey };
  const { token: adminToken } = token;
  return { ok: true, options: { listen, data, adminToken, tls, privateWebhooks: privateWebhooks === true } };
}

function readAdminToken(
  file: string | undefined,
  { TIEBREAK_ADMIN_TOKEN: fromEnvironment = '' }: NodeJS.ProcessEnv,
): { readonly ok: true; readonly token: string } | { readonly ok: false; readonly reason: string } {
  if (file === undefined) return { ok: true, token: fromEnvironment };
  try {
    return { ok: true, token: readFileSync(file, 'utf8').trim() };
  } catch (error) {
    return { ok: false, reason: `${file} cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

/** Null: there is none. It stays open over a restart, so that nobody is refused meanwhile. */
function inheritedSocket({
  LISTEN_FDS: count,
  LISTEN_PID: pid,
}: NodeJS.ProcessEnv):
  | { readonly ok: true; readonly fd: number | null }
  | { readonly ok: false; readonly reason: string } {
  if (count === undefined || Number(pid) !== process.pid) return { ok: true, fd: null };
  if (count === '1') return { ok: true, fd: FIRST_INHERITED_FD };
  return { ok: false, reason: `the service manager gives ${count} sockets; the witness listens on one` };
}
