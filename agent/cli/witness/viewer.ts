import type { Command } from 'commander';
import { AdminApi } from '../../witness-setup/index.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { type ClusterOptions, chooseAccess, parseName, withCluster } from './access-options.ts';

/** Those who only look. */
export function registerViewer(witness: Command): void {
  const viewer = witness
    .command('viewer')
    .description('who may look at a cluster, and do nothing else')
    .helpCommand(false);
  withCluster(viewer.command('add'))
    .description('print a token for the status page; a former one of the same name is void then')
    .argument('<viewer>', 'a name for it', parseName)
    .action(async (name: string, options: ClusterOptions) => {
      process.exitCode = await add(name, options);
    });
  withCluster(viewer.command('remove'))
    .description('void a token at once')
    .argument('<viewer>', 'its name', parseName)
    .action(async (name: string, options: ClusterOptions) => {
      process.exitCode = await remove(name, options);
    });
}

async function add(name: string, options: ClusterOptions): Promise<number> {
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const issued = await new AdminApi(access).issueViewerToken(options.cluster, name);
  if (!issued.ok) return fail(issued.error);
  process.stderr.write(`for ${access.url}/clusters/${options.cluster}; shown this once:\n`);
  process.stdout.write(`${issued.value}\n`);
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
