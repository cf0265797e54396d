import { resolve } from 'node:path';
import type { Command } from 'commander';
import { AdminApi, judgeTokenFile } from '../../witness-setup/index.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { type ClusterOptions, chooseAccess, parseName, withCluster } from './access-options.ts';
import { issueInto } from './issue-token.ts';

type RotateOptions = ClusterOptions & { readonly out: string; readonly replace?: true; readonly json?: true };

export function registerRotate(witness: Command): void {
  withCluster(witness.command('rotate'))
    .description(
      'give a node another token; the former one is void at once, and the running agent goes on with the new',
    )
    .argument('<node>', 'which has a token', parseName)
    .option('--out <folder>', 'where witness.token is written', '/etc/tiebreak')
    .option('--replace', "overwrite the file even if it does not hold this node's token")
    .option('--json', 'print the outcome as JSON')
    .action(async (node: string, options: RotateOptions) => {
      process.exitCode = await rotate(node, options);
    });
}

async function rotate(node: string, options: RotateOptions): Promise<number> {
  const { cluster, out, replace, json } = options;
  const access = chooseAccess(options);
  if (access === undefined) return EXIT.usage;
  const api = new AdminApi(access);
  const file = resolve(out, 'witness.token');
  const view = await api.cluster(cluster);
  if (!view.ok) return fail(view.error);
  if (!view.value.nodes.some((known) => known.node === node)) {
    return fail(`${cluster} has no node ${node}: tiebreak witness enroll ${node} --cluster ${cluster}`);
  }
  if (replace !== true) {
    const present = await judgeTokenFile(file, { url: access.url, cluster, node, witnessId: view.value.witness_id });
    if (present.kind === 'blocked') return fail(present.reason);
    if (present.kind === 'other') return fail(`${present.reason}; --replace overwrites it`);
  }
  const issued = await issueInto(file, { api, cluster, node, voids: true });
  if (typeof issued === 'string') return fail(issued);
  process.stdout.write(
    json === true
      ? `${JSON.stringify({ cluster, node, token_file: file })}\n`
      : `${node} has another token, in ${file}; an agent that has this as its token_file goes on with it within a second or two\n`,
  );
  return EXIT.good;
}
