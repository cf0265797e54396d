import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tiebreak } from '../unit/cli/command.ts';

// What keepalived itself shows its users how to write.

const SAMPLES = '/usr/share/doc/keepalived/samples';
/** The rest are scripts; this one is read in two ways (keepalived -i). */
const CONDITIONAL = 'keepalived.conf.conditional_conf';
const names = readdirSync(SAMPLES).filter((name) => name.startsWith('keepalived.conf.'));

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tb-samples-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Says what became of it; fails if that is neither a good configuration nor a refusal with its place and reason. */
async function imported(sample: string, ...options: readonly string[]): Promise<'imported' | 'refused'> {
  const file = join(SAMPLES, sample);
  const { code, stdout, stderr } = await tiebreak('import', '--node', 'a', ...options, file);
  const lines = stderr.split('\n').filter((line) => line !== '');
  const findings = lines.filter((line) => /^\S+:[1-9][0-9]*: +(refused|left out) +\S/.test(line));
  // Every line has a place and a reason, but for the last one of a refusal.
  expect(lines.length - findings.length, stderr).toBe(code === 0 ? 0 : 1);
  expect(findings.filter((line) => !line.startsWith(`${file}:`))).toEqual([]);
  if (code === 0) {
    const config = join(folder, `${sample}.toml`);
    writeFileSync(config, stdout);
    expect(await tiebreak('check', '--config', config)).toMatchObject({ code: 0 });
    return 'imported';
  }
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(findings.some((line) => / refused /.test(line))).toBe(true);
  return 'refused';
}

test('there are as many samples as Debian’s keepalived 2.2.7 has', () => {
  expect(names).toHaveLength(25);
});

test('four of them need no change', async () => {
  const outcomes = await Promise.all(names.map((name) => imported(name)));
  expect(names.filter((_, index) => outcomes[index] === 'imported')).toEqual([
    'keepalived.conf.vrrp',
    'keepalived.conf.vrrp.localcheck',
    'keepalived.conf.vrrp.scripts',
    'keepalived.conf.vrrp.sync',
  ]);
});

describe('a sample of keepalived’s is imported, or refused with file, line and reason', () => {
  test.each(names)('%s', async (name) => {
    const router = /^\s*vrrp_instance\s/m.test(readFileSync(join(SAMPLES, name), 'utf8'));
    if (!router) expect(await imported(name)).toBe('refused');
    // Only what stands in the way is left out: where there is a router, there is a configuration.
    expect(await imported(name, '--leave-out')).toBe(router ? 'imported' : 'refused');
  });

  test.each(['high', 'low'])('the conditional one, as keepalived -i %s reads it', async (id) => {
    expect(await imported(CONDITIONAL, '--config-id', id, '--leave-out')).toBe('imported');
  });
});
