import { describe, expect, test } from 'vitest';
import { Census } from '../../../agent/checks/census.ts';
import { argumentName } from '../../../agent/checks/proc.ts';
import { type ProcessStat, parseProcessStat } from '../../../agent/kernel/in-any-thread.ts';

function stat(pid: number, comm: string, changes: Partial<ProcessStat> = {}): ProcessStat {
  return { pid, comm, startTicks: `${pid * 100}`, ended: false, ...changes };
}

describe('processes by name', () => {
  test('by comm at once, by their arguments once those are read', () => {
    const census = new Census();
    const node = stat(2, 'MainThread');
    expect(census.scanned([stat(1, 'nginx'), node])).toHaveLength(2);
    expect([census.count('nginx'), census.count('node')]).toEqual([1, 0]);
    census.argumentRead(node, 'node');
    expect(census.count('node')).toBe(1);
    // What is known is not read again.
    expect(census.scanned([stat(1, 'nginx'), node])).toEqual([]);
    expect(census.count('node')).toBe(1);
  });

  test('one that has ended does not count, whether or not its parent has taken notice', () => {
    const census = new Census();
    census.scanned([stat(1, 'nginx'), stat(2, 'nginx')]);
    census.exited(1);
    expect(census.count('nginx')).toBe(1);
    expect(census.scanned([stat(2, 'nginx', { ended: true })])).toEqual([]);
    expect(census.count('nginx')).toBe(0);
  });

  test('a child is called as its parent until it runs something else', () => {
    const census = new Census();
    const parent = stat(1, 'MainThread');
    census.scanned([parent]);
    census.argumentRead(parent, 'node');
    census.forked(1, 5);
    census.forked(77, 78);
    expect(census.count('node')).toBe(2);
    // A scan makes certain of it; until its arguments are read it keeps the name.
    expect(census.scanned([parent, stat(5, 'MainThread')])).toEqual([stat(5, 'MainThread')]);
    expect(census.count('node')).toBe(2);
    census.argumentRead(stat(5, 'MainThread'), 'sh');
    expect(census.count('node')).toBe(1);
  });

  test('a name that changes keeps what the arguments say until they are read again', () => {
    const census = new Census();
    census.seen(stat(1, 'node'));
    census.argumentRead(stat(1, 'node'), 'node');
    census.seen(stat(1, 'MainThread'));
    expect(census.count('node')).toBe(1);
  });

  test('another process with the same number is another process', () => {
    const census = new Census();
    const first = stat(1, 'MainThread');
    census.scanned([first]);
    census.argumentRead(first, 'node');
    const second = stat(1, 'MainThread', { startTicks: '999' });
    expect(census.scanned([second])).toEqual([second]);
    expect(census.count('node')).toBe(0);
    // An answer that comes too late is not the second one's.
    census.argumentRead(first, 'node');
    expect(census.count('node')).toBe(0);
  });
});

describe('proc(5)', () => {
  const rest = '1 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 123456 1000 200';

  test.each([
    ['nginx', 'S', { comm: 'nginx', ended: false }],
    ['a) S (b', 'Z', { comm: 'a) S (b', ended: true }],
  ])('%s, state %s', (comm, state, expected) => {
    expect(parseProcessStat(7, `7 (${comm}) ${state} ${rest}`)).toEqual({ pid: 7, startTicks: '123456', ...expected });
  });

  test('what is cut short is no process', () => {
    expect(parseProcessStat(7, '7 (nginx) S 1 1')).toBeUndefined();
    expect(parseProcessStat(7, '')).toBeUndefined();
  });

  test.each([
    ['/usr/sbin/nginx\0-g\0daemon off;\0', 'nginx', 'nginx'],
    ['/usr/bin/systemd-networkd-wait\0', 'systemd-network', 'systemd-networkd-wait'],
    ['/usr/bin/python3\0/opt/a-very-long-daemon.py\0', 'a-very-long-dae', 'a-very-long-daemon.py'],
    ['/usr/bin/python3\0/opt/short\0', 'short', 'python3'],
    ['', 'kworker/0:1', undefined],
  ])('%j with the name %s is called %s by its arguments', (commandLine, comm, name) => {
    expect(argumentName(commandLine, comm)).toBe(name);
  });
});
