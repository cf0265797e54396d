import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bashCompletion } from '../../../../agent/cli/completion/bash.ts';
import { commandTree, everyCommand } from '../../../../agent/cli/completion/index.ts';
import { createProgram } from '../../../../agent/cli/program.ts';
import { tiebreak } from '../command.ts';

const tree = commandTree(createProgram());
let folder = '';

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tiebreak-completion-'));
  writeFileSync(join(folder, 'a file.toml'), '');
  writeFileSync(join(folder, 'completion'), bashCompletion(tree));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** What bash offers behind these words; the last one is being typed. */
function offered(...words: readonly string[]): string[] {
  const script = `source ./completion
COMP_WORDS=(tiebreak "$@") COMP_CWORD=$#
compopt() { :; }
_tiebreak
printf '%s\\n' "\${COMPREPLY[@]}"`;
  const text = execFileSync('bash', ['--norc', '-c', script, 'bash', ...words], { cwd: folder, encoding: 'utf8' });
  return text.split('\n').filter((word) => word !== '');
}

describe('the commands as data', () => {
  it('are those of the help, with what each option takes', () => {
    const run = tree.commands.find(({ name }) => name === 'run');
    expect(run?.options).toContainEqual({
      flags: ['-c', '--config'],
      description: 'the configuration',
      mandatory: true,
      value: { name: 'file', expected: { kind: 'file' }, preset: null },
    });
    expect(everyCommand(tree).map(({ path }) => path.join(' '))).toContain('tiebreak witness viewer add');
  });
});

describe('in bash', () => {
  it.each([
    { words: ['wit'], expected: ['witness'] },
    { words: ['maintenance', 'o'], expected: ['on', 'off'] },
    { words: ['run', '--log-level', 'de'], expected: ['debug'] },
    { words: ['run', '-c', 'a'], expected: ['a file.toml'] },
    { words: ['import', 'a'], expected: ['a file.toml'] },
    { words: ['import', '--lea'], expected: ['--leave-out'] },
    { words: ['witness', 'viewer', 'r'], expected: ['remove'] },
    { words: ['witness', 'enroll', 'a', '--cluster', ''], expected: [] },
    { words: ['witness', 'enroll', 'a', '--cluster', 'revoke', '--rep'], expected: ['--replace'] },
    { words: ['check', '--config', 'x', 'witness', '--lo'], expected: [] },
  ])('$words', ({ words, expected }) => {
    expect(offered(...words)).toEqual(expected);
  });
});

it('is printed for the shells that it knows, and for no other', async () => {
  const { code, stdout } = await tiebreak('completion', 'zsh');
  expect(code).toBe(0);
  expect(stdout).toMatch(/^#compdef tiebreak\n/);
  const other = await tiebreak('completion', 'csh');
  expect(other.code).toBe(2);
  expect(other.stderr).toContain('bash, zsh, fish');
});
