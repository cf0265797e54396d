import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { Argument, type Command, InvalidArgumentError } from 'commander';
import { parseKeyFile } from '../config/index.ts';
import { describeFileError } from '../failure-text.ts';
import { prepareSecretFile } from '../witness-setup/secret-file.ts';
import { EXIT } from './exit-code.ts';
import { fail } from './fail.ts';

const KINDS = ['group', 'webhook', 'api'] as const;
type Kind = (typeof KINDS)[number];
type KeygenOptions = { readonly out?: string; readonly add?: string; readonly id?: number };

export function registerKeygen(program: Command): void {
  program
    .command('keygen')
    .description('make a secret: a group’s key, a webhook’s secret, or the token of the local API')
    .addArgument(new Argument('[kind]', 'what it is for').choices(KINDS).default('group'))
    .option('-o, --out <file>', 'write it there (mode 0600), where nothing may be yet, instead of printing it')
    .option('--add <file>', 'add a key to that key_file, as its last: the first one goes on signing')
    .option('--id <number>', 'the ID of a group’s key, 1 to 255', parseId)
    .addHelpText(
      'after',
      `
To exchange a group's key without a gap: add one on a node, copy the file to the others and restart each; then, on every node,
move the new line to the top and restart; then remove the old line and restart.`,
    )
    .action((kind: Kind, options: KeygenOptions) => {
      process.exitCode = keygen(kind, options);
    });
}

function keygen(kind: Kind, { out, add, id }: KeygenOptions): number {
  if (kind !== 'group' && (add !== undefined || id !== undefined))
    return wrongUsage(`--add and --id are for a group's key`);
  if (add !== undefined && out !== undefined) return wrongUsage('--add and --out exclude each other');
  if (add !== undefined) return addKey(add, id);
  const secret = secretFor(kind, id ?? 1);
  if (out === undefined) {
    process.stdout.write(`${secret}\n`);
    return EXIT.good;
  }
  return writeSecret(out, `${secret}\n`, false);
}

function addKey(file: string, wanted: number | undefined): number {
  let former: string;
  try {
    former = readFileSync(file, 'utf8');
  } catch (error) {
    return fail(`${file}: ${describeFileError(error)}`);
  }
  const parsed = parseKeyFile(former);
  if (!parsed.ok) return fail(`${file}${parsed.line === null ? '' : `:${parsed.line}`}: ${parsed.message}`);
  const taken = parsed.value.map((key) => key.id);
  if (wanted !== undefined && taken.includes(wanted)) return fail(`${file}: the key ID ${wanted} is there already`);
  const id = wanted ?? Array.from({ length: 255 }, (_, index) => index + 1).find((free) => !taken.includes(free));
  if (id === undefined) return fail(`${file}: every key ID is taken`);
  return writeSecret(file, `${former.trimEnd()}\n${secretFor('group', id)}\n`, true);
}

function secretFor(kind: Kind, id: number): string {
  switch (kind) {
    case 'group':
      return `${id} ${randomBytes(32).toString('hex')}`;
    case 'webhook':
      return `whsec_${randomBytes(32).toString('base64')}`;
    case 'api':
      return randomBytes(32).toString('base64url');
  }
}

function writeSecret(path: string, text: string, replace: boolean): number {
  const prepared = prepareSecretFile(path, { replace });
  if (!prepared.ok) return fail(prepared.reason);
  const written = prepared.file.write(text);
  if (!written.ok) return fail(`${path} cannot be written: ${written.reason}`);
  process.stderr.write(`tiebreak: wrote ${path}\n`);
  return EXIT.good;
}

function wrongUsage(message: string): number {
  process.stderr.write(`tiebreak: ${message}\n`);
  return EXIT.usage;
}

function parseId(text: string): number {
  const id = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (id < 1 || id > 255) throw new InvalidArgumentError('It must be a number from 1 to 255.');
  return id;
}
