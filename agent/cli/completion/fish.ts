import { type CommandNode, type Expected, everyCommand } from './command-tree.ts';

/** A script for fish. It does not start the program. */
export function fishCompletion(root: CommandNode): string {
  const commands = everyCommand(root);
  const known = commands.slice(1).map((node) => quoted(below(node)));
  return `# Completion of ${root.name} for fish, printed by '${root.name} completion fish'.
function __${root.name}_at
    set -l path
    for word in (commandline -opc)[2..-1]
        contains -- (string join -- ' ' $path $word) ${known.join(' ')}; and set -a path $word
    end
    test "$path" = "$argv[1]"
end

complete -c ${root.name} -f
${commands.flatMap((node) => lines(root.name, node)).join('\n')}
`;
}

function lines(program: string, node: CommandNode): string[] {
  const start = `complete -c ${program} -n ${quoted(`__${program}_at "${below(node)}"`)}`;
  return [
    ...node.commands.map(({ description, name }) => `${start} -a ${name} -d ${quoted(description)}`),
    ...node.arguments.flatMap(({ expected }) => {
      const what = completing(expected);
      return what === '' ? [] : [`${start} ${what}`];
    }),
    ...node.options.map(({ description, flags, value }) => {
      const names = flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
      const takes =
        value === null ? [] : [`-r ${value.expected.kind === 'file' ? '-F' : '-f'}`, completing(value.expected)];
      return [
        start,
        ...names,
        ...takes.filter((word) => word !== '' && word !== '-F'),
        `-d ${quoted(description)}`,
      ].join(' ');
    }),
  ];
}

function completing(expected: Expected): string {
  switch (expected.kind) {
    case 'words':
      return `-a ${quoted(expected.words.join(' '))}`;
    case 'file':
      return '-F';
    case 'folder':
      return "-a '(__fish_complete_directories)'";
    case 'free':
      return '';
  }
}

/** The command without the program's own name, as fish sees it. */
function below({ path }: CommandNode): string {
  return path.slice(1).join(' ');
}

function quoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
