import type { Command } from 'commander';
import { AdminApi } from '../../witness-setup/index.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { type ClusterOptions, chooseAccess, parseName, withCluster } from './access-options.ts';

export function registerRevoke(witness: Command): void {
  withCluster(witness.command('revoke'))
    .description("void a node's token at once")
    .argument('<node>', 'which has a token', parseName)
    .action(async (node: string, options: ClusterOptions) => {
      process.exitCode = await revoke(node, options);
    });
}

async function revoke(node: string, options: ClusterOptions): Promise<number> {
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const revoked = await new AdminApi(access).revokeNode(options.cluster, node);
  if (!revoked.ok) return fail(revoked.error);
  process.stdout.write(`the token of ${node} is void; a vote that it was given binds to its end, 10 s at most\n`);
  return EXIT.good;
}
