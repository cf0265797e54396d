import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startApi } from '../../../agent/api/index.ts';
import { renderFindings } from '../../../agent/cli/doctor.ts';
import { SOURCES } from '../api/sources.ts';
import { edit, PAIR } from '../config/example.ts';
import { tiebreak } from './command.ts';

// Each test starts a process that listens for three seconds, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000 });

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-doctor-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** Nothing listens at the witness's address, and no interface has that name. */
function configuration(): string {
  const witness = edit(PAIR, 'https://witness.example.com', 'http://127.0.0.1:9');
  const text = edit(witness, '"eth0"', '"tb-nowhere"').replaceAll('/etc/tiebreak', directory);
  const file = join(directory, 'edge.toml');
  writeFileSync(file, `state_dir = "${directory}/state"\nrun_dir = "${directory}"\n${text}`);
  writeFileSync(join(directory, 'edge.key'), `1 ${'0123456789abcdef'.repeat(4)}\n`);
  chmodSync(join(directory, 'edge.key'), 0o644);
  return file;
}

describe('tiebreak doctor', () => {
  it('ends with 1 and says what is wrong and what to do; no secret is told', async () => {
    const outcome = await tiebreak('doctor', '--config', configuration());
    expect(outcome).toMatchObject({ code: 1, stderr: '' });
    expect(outcome.stdout).toMatch(/^ok {7}agent +does not run/m);
    expect(outcome.stdout).toMatch(/^problem {2}secrets +.*edge\.key: others may use it.*Do: mend that file/m);
    expect(outcome.stdout).toMatch(/^problem {2}tb-nowhere +there is no such interface/m);
    expect(outcome.stdout).toMatch(/^problem {2}witness +http:\/\/127\.0\.0\.1:9 does not answer: /m);
    expect(outcome.stdout).toMatch(/\n\d+ problems(, \d+ warnings?)?\n$/);
    expect(outcome.stdout).not.toContain('0123456789abcdef');
    expect(outcome.stdout).not.toContain('\u001b');
  });

  it('asks the agent that runs, and tells of it as JSON', async () => {
    const file = configuration();
    const api = await startApi({
      listen: { host: '127.0.0.1', port: 0 },
      runDir: directory,
      token: () => null,
      ...SOURCES,
    });
    if (!api.ok) throw new Error(api.error);
    try {
      const outcome = await tiebreak('doctor', '--json', '--config', file);
      expect(outcome).toMatchObject({ code: 1, stderr: '' });
      const report = JSON.parse(outcome.stdout);
      expect(report.node).toBe('a');
      expect(report.findings).toContainEqual({
        level: 'ok',
        topic: 'peer b',
        found: 'is heard, and answers, at 192.0.2.2 (0.4 ms)',
      });
      const problems = report.findings.filter(({ level }: { level: string }) => level === 'problem');
      expect(report.problems).toBe(problems.length);
      for (const { remedy } of problems) expect(remedy).toEqual(expect.any(String));
    } finally {
      await api.close();
    }
  });

  it('ends with 2 on a configuration that is wrong', async () => {
    const file = join(directory, 'edge.toml');
    writeFileSync(file, edit(PAIR, 'node = "a"', 'nod = "a"'));
    const outcome = await tiebreak('doctor', '--config', file);
    expect(outcome).toMatchObject({ code: 2, stdout: '' });
    expect(outcome.stderr).toContain('nod');
  });
});

describe('its lines', () => {
  const findings = [
    { level: 'ok', topic: 'agent', found: 'runs' },
    { level: 'problem', topic: 'eth0', found: 'is switched off', remedy: 'ip link set eth0 up' },
    { level: 'warning', topic: 'clock', found: 'drifts', remedy: 'run chrony' },
  ] as const;

  it('are aligned, with the remedy behind', () => {
    expect(renderFindings(findings, false)).toBe(`ok       agent  runs
problem  eth0   is switched off. Do: ip link set eth0 up
warning  clock  drifts. Do: run chrony
1 problem, 1 warning
`);
    expect(renderFindings(findings.slice(0, 1), false)).toBe('ok  agent  runs\n');
  });

  it('are coloured for terminals, and aligned all the same', () => {
    const coloured = renderFindings(findings, true);
    expect(coloured).toContain('\u001b[31mproblem');
    expect(stripVTControlCharacters(coloured)).toBe(renderFindings(findings, false));
  });
});
