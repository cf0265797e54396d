import { Argument, type Command } from 'commander';
import { bashCompletion } from './bash.ts';
import { commandTree } from './command-tree.ts';
import { fishCompletion } from './fish.ts';
import { zshCompletion } from './zsh.ts';

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
type Shell = keyof typeof SCRIPTS;

/** `completion`: made of the commands that are registered beside it, so that it knows them all. */
export function registerCompletion(program: Command): void {
  program
    .command('completion')
    .description('print what completes this command line in a shell')
    .addArgument(new Argument('<shell>', 'which shell').choices(Object.keys(SCRIPTS)))
    .addHelpText(
      'after',
      '\nbash: source <(tiebreak completion bash); zsh: source <(tiebreak completion zsh); fish: tiebreak completion fish | source',
    )
    .action((shell: Shell) => {
      process.stdout.write(SCRIPTS[shell](commandTree(program)));
    });
}
