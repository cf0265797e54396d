import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AdminApi, prepareSecretFile } from '../../witness-setup/index.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { type ClusterOptions, chooseAccess, parseName, withCluster } from './access-options.ts';

type AddOptions = ClusterOptions & { readonly out?: string };

/** Those who only look. */
export function registerViewer(witness: Command): void {
  const viewer = witness
    .command('viewer')
    .description('who may look at a cluster, and do nothing else')
    .helpCommand(false);
  withCluster(viewer.command('add'))
    .description('print a token for the status page; a former one of the same name is void then')
    .argument('<viewer>', 'a name for it', parseName)
    .option('--out <file>', 'write it into a file that only you can read instead')
    .action(async (name: string, options: AddOptions) => {
      process.exitCode = await add(name, options);
    });
  withCluster(viewer.command('remove'))
    .description('void a token at once')
    .argument('<viewer>', 'its name', parseName)
    .action(async (name: string, options: ClusterOptions) => {
      process.exitCode = await remove(name, options);
    });
}

async function add(name: string, { cluster, out, ...options }: AddOptions): Promise<number> {
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const prepared = out === undefined ? undefined : prepareSecretFile(resolve(out), { replace: true });
  if (prepared?.ok === false) return fail(prepared.reason);
  const issued = await new AdminApi(access).issueViewerToken(cluster, name);
  if (!issued.ok) {
    prepared?.file.abandon();
    return fail(issued.error);
  }
  const page = `${access.url}/clusters/${cluster}`;
  if (prepared === undefined) {
    process.stderr.write(`for ${page}; shown this once:\n`);
    process.stdout.write(`${issued.value}\n`);
    return EXIT.good;
  }
  const written = prepared.file.write(`${issued.value}\n`);
  if (!written.ok)
    return fail(`the token could not be written into ${out} (${written.reason}): the same again gets another`);
  process.stdout.write(`${name} may look at ${page} with the token in ${out}\n`);
  return EXIT.good;
}

async function remove(name: string, options: ClusterOptions): Promise<number> {
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const revoked = await new AdminApi(access).revokeViewer(options.cluster, name);
  if (!revoked.ok) return fail(revoked.error);
  process.stdout.write(`the token of ${name} is void\n`);
  return EXIT.good;
}
