export { type CommandNode, type CommandOption, commandTree, type Expected, everyCommand } from './command-tree.ts';
export { registerCompletion } from './completion.ts';
