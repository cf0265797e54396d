import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command, Option } from 'commander';
import { createProgram } from '../../agent/cli/program.ts';

export type ManualPage = { readonly name: string; readonly section: 1 | 5; readonly text: string };

/** Both pages as mdoc(7). What is said of commands is what `--help` says: it is taken from there. `epoch`: their date, in seconds. */
export function manualPages({ version, epoch }: { readonly version: string; readonly epoch: number }): ManualPage[] {
  const fill = (file: string): string =>
    readFileSync(join(import.meta.dirname, file), 'utf8')
      .replace('@DATE@', dateOf(epoch))
      .replace('@VERSION@', version)
      .replace('@COMMANDS@', () => commands(createProgram(), []).join('\n'));
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

function commands(parent: Command, path: readonly string[]): string[] {
  return parent.commands.flatMap((command) => {
    const words = [...path, command.name()];
    return command.commands.length === 0 ? oneCommand(command, words) : commands(command, words);
  });
}

function oneCommand(command: Command, words: readonly string[]): string[] {
  const args = command.registeredArguments.map((argument) =>
    argument.required ? `.Ar ${plain(argument.name())}` : `.Op Ar ${plain(argument.name())}`,
  );
  const options = command.options.flatMap(optionLines);
  return [
    `.Ss ${words.map(plain).join(' ')}`,
    '.Nm',
    `.Cm ${words.map(plain).join(' ')}`,
    ...args,
    ...(options.length === 0 ? [] : ['.Op Ar option ...']),
    '.Pp',
    sentence(command.description()),
    ...(options.length === 0 ? [] : ['.Bl -tag -width Ds', ...options, '.El']),
  ];
}

function optionLines(option: Option): string[] {
  const [, value] = /[<[](.+)[>\]]/.exec(option.flags) ?? [];
  const argument = value === undefined ? '' : ` Ar ${plain(value)}`;
  const names = [option.short, option.long].flatMap((name) => (name ? `Fl ${plain(name.slice(1))}` : []));
  return [`.It ${names.join(' , ')}${argument}`, sentence(withDefault(option))];
}

function withDefault({ description, defaultValue, argChoices, mandatory }: Option): string {
  const choices = argChoices === undefined ? '' : `: ${argChoices.join(', ')}`;
  const fallback = typeof defaultValue === 'string' ? ` (default: ${defaultValue})` : '';
  return `${description}${choices}${fallback}${mandatory ? '; must be given' : ''}`;
}

function sentence(text: string): string {
  const upper = `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
  return plain(/[.!?]$/.test(upper) ? upper : `${upper}.`);
}

/** For roff a backslash, a leading dot and a bare minus are something else; mandoc and man agree on these escapes. */
function plain(text: string): string {
  return text.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('’', "'").replace(/^[.']/, '\\&$&');
}
