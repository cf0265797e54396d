import { describe, expect, it } from 'vitest';
import { readKeepalived } from '../../../agent/import/index.ts';
import type { Statement } from '../../../agent/import/tree.ts';
import { type Files, read, said } from './keepalived.ts';

type Shown = string | readonly [string, readonly Shown[]];

function shown({ words, block }: Statement): Shown {
  const text = words.join('|');
  return block === undefined ? text : [text, block.map(shown)];
}

function tree(text: string, configId?: string, files?: Files): readonly Shown[] {
  const { statements, findings } = read(text, configId, files);
  expect(findings).toEqual([]);
  return statements.map(shown);
}

function findings(text: string, files?: Files): readonly string[] {
  return read(text, 'here', files).findings.map(said);
}

describe('words', () => {
  it.each([
    ['words end at blanks', 'a  b\tc', ['a|b|c']],
    ['a comment starts anywhere', 'a b ! c\n# d\n! e\nf#g', ['a|b', 'f']],
    ['a quotation keeps blanks and comment signs', 'a "b  c ! #"', ['a|b  c ! #']],
    ['a quotation is a word of its own', 'abcd" efg h jkl "mnop', ['abcd| efg h jkl |mnop']],
    ['apostrophes and backslashes are text', String.raw`auth_pass 'a\b`, [String.raw`auth_pass|'a\b`]],
    ['a comment starts in single quotes, too', "'bog!us'", ["'bog"]],
    ['an empty quotation is a word', 'a "" b', ['a||b']],
    ['an escaped sign starts no comment', String.raw`a \# b`, ['a|#|b']],
    [
      'quotes may stand inside a word of a command',
      `script abcd" efg h jkl 'mnop'"q`,
      [`script|abcd efg h jkl 'mnop'q`],
    ],
    ['single quotes stand in double ones', `script "sh -c 'a b'"`, [`script|sh -c 'a b'`]],
    [
      'escapes of a command are those of a shell',
      String.raw`notify_master a\ b "\"c\"" \x41\102\\`,
      [String.raw`notify_master|a b|"c"|AB\ `.trim()],
    ],
    ['lines may end as on Windows', 'a\r\nb\r\n', ['a', 'b']],
    ['a byte order mark is no word', '\uFEFFa', ['a']],
  ])('%s', (_what, text, expected) => {
    expect(tree(text)).toEqual(expected);
  });
});

describe('blocks', () => {
  it.each([
    ['on the line of the keyword', 'a b {\nc\n}', [['a|b', ['c']]]],
    ['on the next line', 'a b\n{\nc\n}', [['a|b', ['c']]]],
    ['on one line', 'a { b c } d', [['a', ['b|c']], 'd']],
    ['with the brace at the word', 'a b{\nc }', [['a|b', ['c']]]],
    ['inside each other', 'a {\nb {\nc\n}\nd\n}', [['a', [['b', ['c']], 'd']]]],
    ['empty', 'a { }', [['a', []]]],
    ['a brace in quotes is text', 'script "{" \'}\'', ['script|{|}']],
  ])('%s', (_what, text, expected) => {
    expect(tree(text)).toEqual(expected);
  });
});

describe('conditions', () => {
  it.each([
    ['hold for their id', '@main a\n@other b', ['a']],
    ['hold for every other id with ^', '@^main a\n@^other b', ['b']],
    ['stand before definitions', '@main $X=1\n@other $X=2\nx $X', ['x|1']],
    ['may come from a definition', '$IF_MAIN=@main\n$IF_MAIN a\n', ['a']],
    ['hold for a whole definition', '@other $X= \\\n a \\\n b\nc $X', ['c|$X']],
  ])('%s', (_what, text, expected) => {
    expect(tree(text, 'main')).toEqual(expected);
  });
});

describe('definitions', () => {
  it.each([
    ['with and without braces', `$A=1\nx $A \${A}2 $A`, ['x|1|12|1']],
    ['without braces only before a blank', '$A=1\nx $A.2', ['x|$A.2']],
    ['an unknown one stays', `x $HOME \${HOME}`, [`x|$HOME|\${HOME}`]],
    ['are substituted when used', `$B=10.\${S}\n$S=0\n\${B}.1\n$S=10\n\${B}.1`, ['10.0.1', '10.10.1']],
    ['may be empty', '$A=\nx $A', ['x']],
    ['know the id and the directory', `x \${_INSTANCE} \${_PWD} \${_HASH}1`, ['x|here|.|#1']],
    [
      'of several lines',
      `$I= \\\n i V_\${N} { \\\n @here p \${N} \\\n @other q \\\n }\n$N=0\n$I\n$N=1\n$I`,
      [
        ['i|V_0', ['p|0']],
        ['i|V_1', ['p|1']],
      ],
    ],
    [
      'of several lines, inside each other',
      `$R= \\\n r \${N}\n$V= \\\n v { \\\n $N=1 \\\n $R \\\n $N=2 \\\n $R \\\n }\n$V`,
      [['v', ['r|1', 'r|2']]],
    ],
  ])('%s', (_what, text, expected) => {
    expect(tree(text)).toEqual(expected);
  });
});

describe('sequences', () => {
  it.each([
    ['from 1 by default', '~SEQ(N, 3) a $N', ['a|1', 'a|2', 'a|3']],
    ['from start to end', `~SEQ(N, 0, 2) a.\${N}`, ['a.0', 'a.1', 'a.2']],
    ['with a step', '~SEQ(N, 4, -2, 0) $N', ['4', '2', '0']],
    ['in hexadecimal', `~SEQx(N, 0x90, 0x10, 0xb0) fe80::\${N}`, ['fe80::90', 'fe80::a0', 'fe80::b0']],
    ['several on a line', `~SEQ(A, 1, 2) ~SEQ(B, 1, 2) $A \${B}`, ['1|1', '1|2', '2|1', '2|2']],
  ])('%s', (_what, text, expected) => {
    expect(tree(text)).toEqual(expected);
  });
});

describe('lists', () => {
  it.each([
    ['of values', `~LST(A, x, y) a.\${A}`, ['a.x', 'a.y']],
    ['of sets of values', `~LST({A, B}, {10,1},{20, 4}) \${A}.\${B}`, ['10.1', '20.4']],
    ['what is missing in a set is empty', `~LST({A, B}, {1}, 2) a\${A}b\${B}`, ['a1b', 'a2b']],
    ['inside each other, and with sequences', `~LST(A, x, y) ~SEQ(B, 1, 2) $A \${B}`, ['x|1', 'x|2', 'y|1', 'y|2']],
  ])('%s', (_what, text, expected) => {
    expect(tree(text)).toEqual(expected);
  });
});

describe('included files', () => {
  it('come in at their place, with their own name and lines', () => {
    const { statements } = read('a {\ninclude part/*\n}\nz', 'here', { 'part/1': 'b', 'part/2': '\nc' });
    expect(statements.map(shown)).toEqual([['a', ['b', 'c']], 'z']);
    expect(statements[0]?.block?.map(({ file, line }) => `${file}:${line}`)).toEqual(['part/1:1', 'part/2:2']);
  });

  it('share their definitions', () => {
    expect(tree('include one\nx $A', 'here', { one: '$A=1' })).toEqual(['x|1']);
  });
});

describe('what cannot be read as it was meant is told with its place', () => {
  it.each([
    [
      'an open quotation',
      '\na "b',
      'main.conf:2: broken: a quotation that is not closed in its line; add the missing quote',
    ],
    ['an open block', 'a\nb {\nc', "main.conf:2: broken: the block of 'b' is not closed; add the missing }"],
    [
      'a brace too many',
      'a {\n}\n}',
      'main.conf:3: broken: a } that closes nothing; remove it, or add the { that is missing above',
    ],
    [
      'a block of nothing',
      '{\n}',
      'main.conf:1: broken: a block without a keyword in front of its {; remove the {, or add the keyword',
    ],
    [
      'a circle of definitions',
      '$A=$B\n$B=$A\nx $A',
      'main.conf:3: broken: its definitions never end, or become too long; write the values out',
    ],
    [
      'a definition that grows',
      `$A=\${A}\${A}\n$A`,
      'main.conf:2: broken: its definitions never end, or become too long; write the values out',
    ],
    [
      'a sequence without end',
      '~SEQ(A, 1, 0, 5) x',
      'main.conf:1: broken: ~SEQ(A, 1, 0, 5) x: not a ~SEQ(var, start, step, end) that ends; write the lines out',
    ],
    [
      'a list with more values than names',
      '~LST({A, B}, {1, 2, 3}) x',
      'main.conf:1: broken: ~LST({A, B}, {1, 2, 3}) x: not a ~LST(var, value, value); write the lines out',
    ],
    [
      'a random value',
      `x \${_RANDOM 1 5}`,
      `main.conf:1: refused: \${_RANDOM 1 5}: a value that is known only when keepalived starts; write the value`,
    ],
    [
      'a value from the environment',
      `x \${_ENV HOME}`,
      `main.conf:1: refused: \${_ENV HOME}: a value that is known only when keepalived starts; write the value`,
    ],
    [
      'such a value in a line that opens a block',
      `x \${_ENV HOME} {\n}`,
      `main.conf:1: broken: \${_ENV HOME}: a value that is known only when keepalived starts; write the value`,
      'main.conf:2: broken: a } that closes nothing; remove it, or add the { that is missing above',
    ],
    [
      'a line that goes on',
      'x \\\ny',
      'main.conf:1: broken: only a definition goes on after a backslash; write it in one line',
    ],
    [
      'a file that is not there',
      'include one',
      'main.conf:1: refused: include one: there is no such file; put it there, or take the line out',
    ],
    ['no file of a pattern', 'include d/*', 'main.conf:1: left_out: include d/*: there is no such file'],
  ])('%s', (_what, text, ...expected) => {
    expect(findings(text)).toEqual(expected);
  });

  it('a circle of includes', () => {
    expect(findings('include one', { one: 'include one' })).toEqual([
      'one:1: broken: files include each other more than 16 deep; end the circle',
    ]);
  });

  it('a file that cannot be read', () => {
    const include = () => [{ file: 'one', text: undefined }];
    const { findings: found } = readKeepalived({ file: 'main.conf', text: 'include one' }, { configId: '', include });
    expect(found.map(said)).toEqual(['main.conf:1: broken: one cannot be read; make it readable']);
  });
});
