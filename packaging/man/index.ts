import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type CommandNode, type CommandOption, commandTree, everyCommand } from '../../agent/cli/completion/index.ts';
import { createProgram } from '../../agent/cli/program.ts';

export type ManualPage = { readonly name: string; readonly section: 1 | 5; readonly text: string };

/** Both pages as mdoc(7). What is said of commands is what `--help` says: it is taken from there. `epoch`: their date, in seconds. */
export function manualPages({ version, epoch }: { readonly version: string; readonly epoch: number }): ManualPage[] {
  const commands = everyCommand(commandTree(createProgram()))
    .filter((node) => node.commands.length === 0)
    .flatMap(oneCommand);
  const fill = (file: string): string =>
    readFileSync(join(import.meta.dirname, file), 'utf8')
      .replace('@DATE@', dateOf(epoch))
      .replace('@VERSION@', version)
      .replace('@COMMANDS@', () => commands.join('\n'));
  return [
    { name: 'tiebreak', section: 1, text: fill('tiebreak.1') },
    { name: 'tiebreak.toml', section: 5, text: fill('tiebreak.toml.5') },
  ];
}

function dateOf(epoch: number): string {
  const date = new Date(epoch * 1_000);
  const month = date.toLocaleString('en-US', { month: 'long', timeZone: 'UTC' });
  return `${month} ${date.getUTCDate()}, ${date.getUTCFullYear()}`;
}

function oneCommand({ path: [, ...words], arguments: args, options, description }: CommandNode): string[] {
  const name = words.map(plain).join(' ');
  const lines = options.flatMap(optionLines);
  return [
    `.Ss ${name}`,
    '.Nm',
    `.Cm ${name}`,
    ...args.map((argument) => `.Ar ${plain(argument.name)}`),
    ...(lines.length === 0 ? [] : ['.Op Ar option ...']),
    '.Pp',
    sentence(description),
    ...(lines.length === 0 ? [] : ['.Bl -tag -width Ds', ...lines, '.El']),
  ];
}

function optionLines({ flags, value, description, mandatory }: CommandOption): string[] {
  const names = flags.map((flag) => `Fl ${plain(flag.slice(1))}`).join(' , ');
  const choices = value?.expected.kind === 'words' ? `: ${value.expected.words.join(', ')}` : '';
  // A person's own folder is no default of the program's.
  const preset = value?.preset == null || value.preset.startsWith(homedir()) ? '' : ` (default: ${value.preset})`;
  return [
    `.It ${names}${value === null ? '' : ` Ar ${plain(value.name)}`}`,
    sentence(`${description}${choices}${preset}${mandatory ? '; must be given' : ''}`),
  ];
}

function sentence(text: string): string {
  const upper = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return plain(/[.!?]$/.test(upper) ? upper : `${upper}.`);
}

/** For roff a backslash, a leading dot and a bare minus are something else; mandoc and man agree on these escapes. */
function plain(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('’', "'").replace(/^[.']/, '\\&$&');
}
