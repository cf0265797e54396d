import { type CommandNode, type Expected, everyCommand } from './command-tree.ts';

/** A script for bash 4 and later. It completes without starting the program. */
export function bashCompletion(root: CommandNode): string {
  const commands = everyCommand(root);
  const below = commands.flatMap(({ path, commands: children }) =>
    children.map(({ name }) => `'${[...path, name].join(' ')}'`),
  );
  return `# Completion of ${root.name} for bash, printed by '${root.name} completion bash'.
_${root.name}() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} command=${root.name} word words=
  COMPREPLY=()
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$command $word" in
      ${below.join(' | ')}) command+=" $word" ;;
    esac
  done
  case "$command $previous" in
${commands.flatMap(valueCases).join('\n')}
  esac
  case $command in
${commands.map(wordCase).join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -F _${root.name} ${root.name}
`;
}

/** What follows an option that takes a value. */
function valueCases({ path, options }: CommandNode): string[] {
  return options.flatMap(({ flags, value }) => {
    if (value === null) return [];
    const patterns = flags.map((flag) => `'${path.join(' ')} ${flag}'`).join(' | ');
    return [`    ${patterns}) ${[completing(value.expected), 'return ;;'].filter(Boolean).join(' ')}`];
  });
}

/** What else may come: a command, an option, the argument. */
function wordCase(node: CommandNode): string {
  const words = [
    ...node.commands.map(({ name }) => name),
    ...node.arguments.flatMap(({ expected }) => (expected.kind === 'words' ? expected.words : [])),
    ...node.options.flatMap(({ flags }) => flags.filter((flag) => flag.startsWith('--'))),
  ];
  const named = node.arguments.find(({ expected }) => expected.kind === 'file' || expected.kind === 'folder');
  const files = named === undefined ? '' : ` [[ $current == -* ]] || { ${completing(named.expected)} return; };`;
  return `    '${node.path.join(' ')}')${files} words='${words.join(' ')}' ;;`;
}

function completing(expected: Expected): string {
  switch (expected.kind) {
    case 'words':
      return `mapfile -t COMPREPLY < <(compgen -W '${expected.words.join(' ')}' -- "$current");`;
    case 'file':
      return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$current");';
    case 'folder':
      return 'compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$current");';
    case 'free':
      return '';
  }
}
