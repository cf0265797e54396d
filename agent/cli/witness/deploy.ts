import { type Command, InvalidArgumentError } from 'commander';
import { deployWitness, wranglerAt } from '../../witness-setup/index.ts';
import { EXIT } from '../exit-code.ts';
import { fail } from '../fail.ts';
import { alignColumns } from '../table.ts';
import { credentialsOption } from './access-options.ts';
import { missingProgram } from './missing-program.ts';

type DeployOptions = {
  readonly name: string;
  readonly credentials: string;
  readonly dryRun?: true;
  readonly newAdminToken?: true;
  readonly json?: true;
};

export function registerDeploy(witness: Command): void {
  witness
    .command('deploy')
    .description('deploy the witness to Cloudflare, or update it; asks you to log in where that is needed')
    .option('--name <worker>', 'the name of the Worker', parseWorkerName, 'tiebreak-witness')
    .addOption(credentialsOption())
    .option('--dry-run', 'build it, and upload nothing')
    .option('--new-admin-token', 'void the admin token that the Worker has')
    .option('--json', 'print the outcome as JSON')
    .action(async (options: DeployOptions) => {
      process.exitCode = await deploy(options);
    });
}

async function deploy({ name, credentials, dryRun, newAdminToken, json }: DeployOptions): Promise<number> {
  const missing = missingProgram('wrangler');
  if (missing !== undefined) return fail(missing);
  const deployed = await deployWitness({
    worker: name,
    dryRun: dryRun === true,
    newAdminToken: newAdminToken === true,
    credentialsFile: credentials,
    environment: process.env,
    runWrangler: wranglerAt(),
    isInteractive: process.stdin.isTTY === true,
  });
  switch (deployed.kind) {
    case 'usage':
      process.stderr.write(`tiebreak: ${deployed.reason}\n`);
      return EXIT.usage;
    case 'failed':
      return fail(deployed.reason);
    case 'checked':
      process.stdout.write(json === true ? '{"dry_run":true}\n' : `${name} can be deployed; nothing was uploaded\n`);
      return EXIT.good;
    case 'deployed': {
      const { adminToken, url } = deployed;
      if (json === true) {
        const outcome = { url, worker: name, credentials_file: credentials, admin_token: adminToken };
        process.stdout.write(`${JSON.stringify(outcome)}\n`);
        return EXIT.good;
      }
      const rows = [
        ['witness', url],
        ['credentials', `${credentials}, with the admin token (${adminToken})`],
        ['next', 'tiebreak witness enroll NODE --cluster CLUSTER, once for each node'],
      ];
      process.stdout.write(`${alignColumns(rows)}\n`);
      return EXIT.good;
    }
  }
}

function parseWorkerName(text: string): string {
  if (/^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError('A Worker has a name of lower-case letters, digits and dashes; 1 to 63.');
}
