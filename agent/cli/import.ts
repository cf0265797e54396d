import { accessSync, constants, globSync, readFileSync, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { describeFileError } from '../failure-text.ts';
import { type ImportFinding, type IncludedFile, readKeepalived, translate, validName } from '../import/index.ts';
import { EXIT } from './exit-code.ts';
import { alignColumns } from './table.ts';

type ImportOptions = { readonly configId?: string; readonly leaveOut?: boolean; readonly node?: string };

export function registerImport(program: Command): void {
  program
    .command('import')
    .description("turn keepalived's configuration into one of tiebreak's, on stdout")
    .argument('<file>', 'keepalived.conf')
    .option('--config-id <id>', "which @id lines hold, as with keepalived's -i (default: the host's name)")
    .option('--leave-out', 'leave out what cannot be taken over, too')
    .option('--node <name>', "this node's name (default: the host's name)")
    .action((file: string, options: ImportOptions) => {
      process.exitCode = importFile(file, options);
    });
}

function importFile(file: string, { configId, leaveOut = false, node }: ImportOptions): number {
  const name = node ?? validName(shortHostName()) ?? 'node';
  if (name !== validName(name)) {
    process.stderr.write(`tiebreak: '${name}' is no name of a node; lower-case letters, digits, . _ - name one\n`);
    return EXIT.usage;
  }
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    process.stderr.write(`tiebreak: ${file}: ${describeFileError(error)}\n`);
    return EXIT.usage;
  }
  const read = readKeepalived({ file, text }, { configId: configId ?? shortHostName(), include });
  const { toml, findings } = translate(read, { file, node: name, findProgram });
  if (findings.length > 0) process.stderr.write(`${alignColumns(findings.map(row))}\n`);
  if (findings.some(({ kind }) => kind === 'broken')) {
    process.stderr.write(`tiebreak: ${file} cannot be read as it was meant: correct it first\n`);
    return EXIT.usage;
  }
  const refusals = findings.filter(({ kind }) => kind === 'refused').length;
  if (toml === undefined || (refusals > 0 && !leaveOut)) {
    const hint = toml === undefined ? '' : "; change them first, or do without them: 'tiebreak import --leave-out'";
    process.stderr.write(`tiebreak: ${file}: ${refusals} refused${hint}\n`);
    return EXIT.failed;
  }
  process.stdout.write(toml);
  return EXIT.good;
}

const KIND_TEXTS: Readonly<Record<ImportFinding['kind'], string>> = {
  broken: 'broken',
  refused: 'refused',
  left_out: 'left out',
};

function row({ file, line, kind, what, instead }: ImportFinding): string[] {
  return [`${file}:${line}:`, KIND_TEXTS[kind], instead === undefined ? what : `${what}; ${instead}`];
}

/** The files of an include, in the order of their names, as glob(3) has them. */
function include(pattern: string, from: string): IncludedFile[] {
  const absolute = resolve(dirname(from), pattern);
  return globSync(absolute)
    .toSorted()
    .map((file) => {
      try {
        return { file, text: readFileSync(file, 'utf8') };
      } catch {
        return { file, text: undefined };
      }
    });
}

/** Where keepalived looks for a program without a path, as systemd starts it. */
const PROGRAM_FOLDERS = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'];

function findProgram(name: string): string | undefined {
  return PROGRAM_FOLDERS.map((folder) => join(folder, name)).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return statSync(path).isFile();
    } catch {
      return false;
    }
  });
}

/** keepalived compares with the first part of the node's name. */
function shortHostName(): string {
  return hostname().split('.')[0] ?? '';
}
