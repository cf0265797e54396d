import type { Argument, Command, Option } from 'commander';

/** What may stand in a place of the command line. `free`: whatever the person knows and the shell does not. */
export type Expected =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'file' | 'folder' | 'free' };

export type CommandOption = {
  /** `-c`, `--config`; the short one first. */
  readonly flags: readonly [string, ...string[]];
  readonly description: string;
  readonly mandatory: boolean;
  readonly value: OptionValue | null;
};
export type OptionValue = {
  readonly name: string;
  readonly expected: Expected;
  /** As the person would type it. */
  readonly preset: string | null;
};

export type CommandArgument = { readonly name: string; readonly description: string; readonly expected: Expected };

export type CommandNode = {
  readonly name: string;
  /** From the program's own name to this one's. */
  readonly path: readonly string[];
  readonly description: string;
  readonly options: readonly CommandOption[];
  readonly arguments: readonly CommandArgument[];
  readonly commands: readonly CommandNode[];
};

/** The program's commands as data, in the order of its help; what the help hides is left out. */
export function commandTree(command: Command, above: readonly string[] = []): CommandNode {
  const help = command.createHelp();
  const path = [...above, command.name()];
  return {
    name: command.name(),
    path,
    description: command.description(),
    options: help.visibleOptions(command).map(optionOf),
    arguments: command.registeredArguments.map(argumentOf),
    commands: help.visibleCommands(command).map((child) => commandTree(child, path)),
  };
}

/** The node and all below it, each before its own. */
export function everyCommand(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(everyCommand)];
}

function optionOf(option: Option): CommandOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined);
  const [first, ...others] = flags;
  if (first === undefined) throw new Error(`the option '${option.flags}' has no flag`);
  const { description, flags: text, mandatory } = option;
  const [, name] = /[<[]([^>\]]+)[>\]]/.exec(text) ?? [];
  if (name === undefined) return { flags: [first, ...others], description, mandatory, value: null };
  const expected = expectedOf(name, option.argChoices);
  const preset = typeof option.defaultValue === 'string' ? option.defaultValue : null;
  return { flags: [first, ...others], description, mandatory, value: { name, expected, preset } };
}

function argumentOf(argument: Argument): CommandArgument {
  const { argChoices, description } = argument;
  return { name: argument.name(), description, expected: expectedOf(argument.name(), argChoices) };
}

/** The help calls a file `<file>`, a folder `<folder>`, and shows a choice of words as `<on|off>`. */
function expectedOf(name: string, choices: readonly string[] | undefined): Expected {
  if (choices !== undefined) return { kind: 'words', words: choices };
  if (name.includes('|')) return { kind: 'words', words: name.split('|') };
  return { kind: name === 'file' || name === 'folder' ? name : 'free' };
}
