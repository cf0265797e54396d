import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type LoadedConfig, loadConfig } from '../../../agent/config/index.ts';
import { PAIR } from './example.ts';

/** Either a whole configuration, or problems that point into the text. */
function expectAnswer(loaded: LoadedConfig, text: string): void {
  if (loaded.ok) {
    expect(loaded.config.groups.length).toBeGreaterThan(0);
    return;
  }
  expect(loaded.problems.length).toBeGreaterThan(0);
  const lines = text.split(/\r\n|[\r\n]/).length;
  for (const problem of loaded.problems) {
    expect(problem.line).toBeGreaterThanOrEqual(1);
    expect(problem.line).toBeLessThanOrEqual(lines);
    expect(problem.column).toBeGreaterThanOrEqual(1);
    expect(problem.message).not.toMatch(/undefined|\[object|Invalid input/);
  }
}

it('any text gets an answer', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
      expectAnswer(loadConfig(text, 'any.toml'), text);
    }),
    { numRuns: 500 },
  );
});

const TOKENS = [
  '[',
  ']',
  '[[group]]',
  '[group]',
  '{',
  '}',
  '=',
  '"',
  '\n',
  '.',
  ',',
  '1',
  '-1',
  'nan',
  'true',
  '1e400',
  '""',
  '__proto__',
  'constructor',
  '2026-01-01',
  '#',
  '\u0000',
  "'''",
  '9223372036854775808',
];

it('a file with pieces cut out, put in or moved gets an answer', () => {
  const change = fc.record({
    at: fc.nat(PAIR.length),
    cut: fc.nat(12),
    put: fc.oneof(fc.constantFrom(...TOKENS), fc.string({ maxLength: 4 })),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 4 }), (changes) => {
      const text = changes.reduce((base, { at, cut, put }) => base.slice(0, at) + put + base.slice(at + cut), PAIR);
      expectAnswer(loadConfig(text, 'mutated.toml'), text);
    }),
    { numRuns: 1_500 },
  );
});

it('any value in the place of another gets an answer', () => {
  const values = fc.constantFrom(
    '1',
    '-1',
    '0.5',
    'nan',
    'true',
    '""',
    '"x"',
    '[]',
    '[[]]',
    '[1]',
    '{}',
    '{ a = 1 }',
    '1979-05-27',
    '[{}]',
    '["", {}]',
    '{ __proto__ = { x = 1 } }',
  );
  const lines = PAIR.split('\n');
  const settings = lines.flatMap((line, index) => (line.includes(' = ') ? [index] : []));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.constantFrom(...settings), values), { minLength: 1, maxLength: 3 }), (changes) => {
      const copy = [...lines];
      for (const [index, value] of changes) copy[index] = `${lines[index]?.split(' = ')[0]} = ${value}`;
      const text = copy.join('\n');
      expectAnswer(loadConfig(text, 'mutated.toml'), text);
    }),
    { numRuns: 500 },
  );
  expect(Object.prototype).not.toHaveProperty('x');
});
