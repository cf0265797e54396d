import { type CommandNode, type CommandOption, type Expected, everyCommand } from './command-tree.ts';

/** A script for zsh, to be found by `$fpath` under the name `_tiebreak` or sourced. It does not start the program. */
export function zshCompletion(root: CommandNode): string {
  const name = functionOf(root);
  return `#compdef ${root.name}
# Completion of ${root.name} for zsh, printed by '${root.name} completion zsh'.

${everyCommand(root)
  .map((node) => (node.commands.length === 0 ? leaf(node) : branch(node)))
  .join('\n')}
if [[ $funcstack[1] == ${name} ]]; then
  ${name} "$@"
else
  compdef ${name} ${root.name}
fi
`;
}

function leaf(node: CommandNode): string {
  const positions = node.arguments.map(
    ({ expected, name }, index) => `${index + 1}:${quotable(name)}:${completing(expected)}`,
  );
  const specs = [...node.options.map(optionSpec), ...positions.map(quoted)];
  return `${functionOf(node)}() {\n  _arguments -s -S : ${specs.join(' \\\n    ')}\n}\n`;
}

function branch(node: CommandNode): string {
  const described = node.commands.map(({ name, description }) => quoted(`${name}:${description}`));
  const cases = node.commands.map((child) => `    ${child.name}) ${functionOf(child)} ;;`);
  return `${functionOf(node)}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments -C : ${[...node.options.map(optionSpec), "'1: :->command'", "'*:: :->arguments'"].join(' \\\n    ')} && return
  case $state in
    command)
      local -a commands=(
        ${described.join('\n        ')}
      )
      _describe -t commands command commands
      ;;
    arguments)
      case $words[1] in
${cases.map((line) => `    ${line}`).join('\n')}
      esac
      ;;
  esac
}
`;
}

/** `'(-c --config)'{-c,--config}'[the configuration]:file:_files'` */
function optionSpec({ description, flags, value }: CommandOption): string {
  const exclusion = flags.length === 1 ? '' : `'(${flags.join(' ')})'`;
  const names = flags.length === 1 ? flags[0] : `{${flags.join(',')}}`;
  const taken = value === null ? '' : `:${quotable(value.name)}:${completing(value.expected)}`;
  return `${exclusion}${names}${quoted(`[${description.replace(/[[\]\\]/g, '\\$&')}]${taken}`)}`;
}

function completing(expected: Expected): string {
  switch (expected.kind) {
    case 'words':
      return `(${expected.words.join(' ')})`;
    case 'file':
      return '_files';
    case 'folder':
      return '_files -/';
    case 'free':
      return '';
  }
}

/** In a specification a colon ends a field. */
function quotable(text: string): string {
  return text.replaceAll(':', '\\:');
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function functionOf({ path }: CommandNode): string {
  return `_${path.join('_')}`;
}
