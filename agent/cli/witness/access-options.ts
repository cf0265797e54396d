import { Name } from '@tiebreak/shared/wire';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Access, ADMIN_TOKEN_VARIABLE, defaultCredentialsFile, findAccess } from '../../witness-setup/index.ts';

export type AccessOptions = { readonly url?: string; readonly credentials: string };
export type ClusterOptions = AccessOptions & { readonly cluster: string };

export function credentialsOption(): Option {
  return new Option('--credentials <file>', 'the URL and the admin token of the witness').default(
    defaultCredentialsFile(process.env),
  );
}

/** How a command reaches a witness as its admin, and which cluster it is about. */
export function withCluster(command: Command): Command {
  return command
    .requiredOption('--cluster <name>', 'the cluster', parseName)
    .addOption(new Option('--url <url>', `the witness; the admin token comes from ${ADMIN_TOKEN_VARIABLE} then`))
    .addOption(credentialsOption());
}

/** The witness and the right to administer it; or undefined, after stderr has been told what is missing. */
export function chooseAccess({ url, credentials }: AccessOptions): Access | undefined {
  const found = findAccess({ url, file: credentials, adminToken: process.env[ADMIN_TOKEN_VARIABLE] });
  if (!found.ok) {
    process.stderr.write(`tiebreak: ${found.reason}\n`);
    return undefined;
  }
  if (found.warning !== undefined) process.stderr.write(`warning: ${found.warning}\n`);
  return found.access;
}

export function parseName(text: string): string {
  if (Name.safeParse(text).success) return text;
  throw new InvalidArgumentError('A name has lower-case letters, digits, dot, dash and underscore; 1 to 63.');
}
