import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../agent/config/index.ts';
import { formatProblem } from '../../../agent/config/problem.ts';
import { PAIR } from './example.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

type Example = { readonly file: string; readonly line: number; readonly text: string };

/** Every block of TOML that a reader could copy. */
const EXAMPLES: Example[] = ['README.md', ...globSync('docs/**/*.md', { cwd: ROOT })].flatMap((file) => {
  const page = readFileSync(`${ROOT}${file}`, 'utf8');
  return [...page.matchAll(/^```toml\n(.*?)^```$/gms)].map((block) => ({
    file,
    line: page.slice(0, block.index).split('\n').length,
    text: block[1] ?? '',
  }));
});

/** A part of a configuration belongs behind what every configuration has. */
function whole(text: string): string {
  if (/^node = /m.test(text)) return text;
  if (/^\[\[group\]\]/m.test(text)) return `node = "a"\n${text}`;
  if (/^\[witness\]/m.test(text)) return PAIR.replace(/^\[witness\]\n(?:.+\n)*/m, text);
  return `${PAIR}\n${text}`;
}

describe('an example in the documentation is a configuration', () => {
  it('and there are some', () => expect(EXAMPLES.length).toBeGreaterThan(3));

  it.each(EXAMPLES)('$file:$line', ({ text, file }) => {
    const loaded = loadConfig(whole(text), file);
    expect(loaded.ok ? [] : loaded.problems.map(formatProblem)).toEqual([]);
  });
});
