import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { tiebreak } from './command.ts';

vi.setConfig({ testTimeout: 60_000 });

const EXAMPLE = fileURLToPath(new URL('../../../docs/examples/a.toml', import.meta.url));

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-simulate-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** The example with something replaced. */
function changed(...changes: readonly (readonly [from: string | RegExp, to: string])[]): string {
  const path = join(directory, 'changed.toml');
  writeFileSync(
    path,
    changes.reduce((text, [from, to]) => text.replace(from, to), readFileSync(EXAMPLE, 'utf8')),
  );
  return path;
}

describe('tiebreak simulate', () => {
  it('shows every fault of the example in a table, and what to change', async () => {
    const { code, stdout, stderr } = await tiebreak('simulate', '--config', EXAMPLE);
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^group edge: a owns \(priority 200\); b \(priority 100\) is taken for configured alike\n/);
    expect(stdout).toContain('interval 250ms, down time 902 ms');
    expect(stdout).toMatch(/^the link between a and b is cut {2,}a {2,}0 ms {2,}0 ms {2,}0 ms$/m);
    expect(stdout).toMatch(/^the host of a is lost {2,}b {2,}8\d\d ms {2,}[89]\d\d ms {2,}0 ms$/m);
    expect(stdout).toContain('a for 44.8 s, then nobody');
    expect(stdout).toContain('\nTwo nodes owned at no moment.\n');
    expect(stdout).toContain('bias_promise = "120s" keeps a for 1 min 30 s\n');
  });

  it('tells machines the same', async () => {
    const { code, stdout } = await tiebreak('simulate', '--config', EXAMPLE, '--json', '--seed', '5');
    expect(code).toBe(0);
    const { node, seed, groups } = JSON.parse(stdout);
    expect([node, seed, groups.length]).toEqual(['a', 5, 1]);
    const [group] = groups;
    expect(group).toMatchObject({ name: 'edge', mode: 'lease', simulated: true, policy: 'bias', witness_rtt_ms: 20 });
    const byId = new Map<string, object>(group.faults.map((fault: { fault: string }) => [fault.fault, fault]));
    expect(byId.get('link_cut')).toMatchObject({
      runs: 20,
      outcomes: [{ owners: ['a'], owners_after: ['a'], owners_once_over: ['a'], moved: false, runs: 20 }],
      nobody_ms: { median: 0, worst: 0 },
      kept_ms: null,
      two_owners_ms: 0,
      broken: [],
    });
    expect(byId.get('witness_away_host_lost')).toMatchObject({ nobody_ms: { median: null, worst: null } });
    expect(group.advice.map(({ fault }: { fault: string }) => fault)).toEqual([
      'witness_away_link_cut',
      'witness_away_host_lost',
    ]);
  });

  it('ends with 1 where two nodes own at once, as policy "available" has it', async () => {
    const file = changed([/\[witness\][^[]*/, ''], ['key_file', 'policy = "available"\nkey_file']);
    const { code, stdout } = await tiebreak('simulate', '--config', file);
    expect(code).toBe(1);
    expect(stdout).toContain('Two nodes owned at once: policy "available" allows it');
    expect(stdout).toContain('the link between a and b is cut: [witness] and policy = "bias" keeps a\n');
  });

  it('says of plain VRRP that it may have two owners, and simulates nothing', async () => {
    const file = changed([/^key_file.*$/m, 'mode = "vrrp"'], [/^peers.*$/m, '']);
    const { code, stdout } = await tiebreak('simulate', '--config', file);
    expect(code).toBe(0);
    expect(stdout).toContain('group edge: mode "vrrp" is plain VRRP, which has no votes and is not simulated.');
    expect(stdout).toContain('While the link between the routers is cut, in one direction or both, two of them own');
    expect(stdout).not.toContain('FAULT');
    const json = JSON.parse((await tiebreak('simulate', '--config', file, '--json')).stdout);
    expect(json.groups).toEqual([{ name: 'edge', mode: 'vrrp', simulated: false }]);
  });

  it('warns when the witness is too far away for the interval', async () => {
    const { stdout } = await tiebreak('simulate', '--config', EXAMPLE, '--witness-rtt', '200');
    expect(stdout).toContain('votes of 200ms want an interval of at least 420ms');
  });

  it.each([
    ['a group that is not there', ['--group', 'core'], 'has no group core; it has edge'],
    ['a seed that is none', ['--seed', '1.5'], 'It must be a whole number'],
    ['a round trip of nothing', ['--witness-rtt', '0'], 'It must be a number of milliseconds'],
  ])('ends with 2 for %s', async (_what, args, message) => {
    const { code, stdout, stderr } = await tiebreak('simulate', '--config', EXAMPLE, ...args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  it('ends with 2 for a configuration that check refuses', async () => {
    const { code, stderr } = await tiebreak('simulate', '--config', changed([/\[witness\][^[]*/, '']));
    expect(code).toBe(2);
    expect(stderr).toContain('add [witness]');
  });
});
