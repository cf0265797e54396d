import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Access, AdminApi, type HolderKind, prepareSecretFile } from '../../witness-setup/index.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { type ClusterOptions, chooseAccess, parseName, withCluster } from './access-options.ts';

type AddOptions = ClusterOptions & { readonly out?: string };

type Holder = {
  readonly kind: HolderKind;
  readonly description: string;
  /** What the token is for, and where. */
  readonly use: (access: Access, cluster: string) => string;
};

const HOLDERS: readonly Holder[] = [
  {
    kind: 'viewer',
    description: 'who may look at a cluster, and do nothing else',
    use: ({ url }, cluster) => `to look at ${url}/clusters/${cluster}`,
  },
  {
    kind: 'monitor',
    description: 'who may report the health of services from outside, and do nothing else',
    use: ({ url }, cluster) => `to report health to ${url}/v1/clusters/${cluster}`,
  },
];

/** Those who have a token of their own and are no nodes. */
export function registerHolders(witness: Command): void {
  for (const holder of HOLDERS) {
    const command = witness.command(holder.kind).description(holder.description).helpCommand(false);
    withCluster(command.command('add'))
      .description('print a token; a former one of the same name is void then')
      .argument('<name>', 'a name for it', parseName)
      .option('--out <file>', 'write it into a file that only you can read instead')
      .action(async (name: string, options: AddOptions) => {
        process.exitCode = await add(holder, name, options);
      });
    withCluster(command.command('remove'))
      .description('void a token at once')
      .argument('<name>', 'its name', parseName)
      .action(async (name: string, options: ClusterOptions) => {
        process.exitCode = await remove(holder, name, options);
      });
  }
}

async function add({ kind, use }: Holder, name: string, { cluster, out, ...options }: AddOptions): Promise<number> {
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const prepared = out === undefined ? undefined : prepareSecretFile(resolve(out), { replace: true });
  if (prepared?.ok === false) return fail(prepared.reason);
  const issued = await new AdminApi(access).issueHolderToken(cluster, kind, name);
  if (!issued.ok) {
    prepared?.file.abandon();
    return fail(issued.error);
  }
  if (prepared === undefined) {
    process.stderr.write(`${use(access, cluster)}; shown this once:\n`);
    process.stdout.write(`${issued.value}\n`);
    return EXIT.good;
  }
  const written = prepared.file.write(`${issued.value}\n`);
  if (!written.ok) {
    return fail(`the token could not be written into ${out} (${written.reason}): the same again gets another`);
  }
  process.stdout.write(`the token of ${name} is in ${out}, ${use(access, cluster)}\n`);
  return EXIT.good;
}

async function remove({ kind }: Holder, name: string, options: ClusterOptions): Promise<number> {
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const revoked = await new AdminApi(access).revokeHolder(options.cluster, kind, name);
  if (!revoked.ok) return fail(revoked.error);
  process.stdout.write(`the token of ${name} is void\n`);
  return EXIT.good;
}
