import { describe, expect, test } from 'vitest';
import { parseRunArguments } from '../../../agent/cli/run-arguments.ts';

const RUN = { command: 'run', config: 'edge.toml', logLevel: 'info', recentCrashes: 0 } as const;

function parse(line: string, environment: Parameters<typeof parseRunArguments>[1] = {}) {
  return parseRunArguments(line.split(' '), environment);
}

describe('the two processes of the agent', () => {
  test.each([
    ['run --config edge.toml', RUN],
    ['run -c edge.toml', RUN],
    ['run --config=edge.toml --log-level debug', { ...RUN, logLevel: 'debug' }],
    ['engine --config edge.toml --recent-crashes 3', { ...RUN, command: 'engine', recentCrashes: 3 }],
  ])('%s', (line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  test('the environment says how much to log, unless an option does', () => {
    const environment = { TIEBREAK_LOG_LEVEL: 'warn' };
    expect(parse('run -c edge.toml', environment)?.logLevel).toBe('warn');
    expect(parse('run -c edge.toml --log-level error', environment)?.logLevel).toBe('error');
  });
});

test.each([
  'check --config edge.toml',
  'run',
  'run --help',
  'run --config edge.toml --log-level loud',
  'run --config edge.toml more',
  'run --config edge.toml --recent-crashes 3',
  'engine --config edge.toml --recent-crashes many',
  '--version',
])('everything else is for the command line proper: %s', (line) => {
  expect(parse(line)).toBeUndefined();
});
