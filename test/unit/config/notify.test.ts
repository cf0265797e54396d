import { describe, expect, it } from 'vitest';
import { configOf, PLAIN, problemsOf } from './example.ts';

const withNotify = (lines: string): string => `${PLAIN}\n[[group.notify]]\n${lines}\n`;

describe('[[group.notify]]', () => {
  it('tells of every state, with keepalived’s arguments, unless the file says otherwise', () => {
    const [group] = configOf(withNotify('command = ["/etc/tiebreak/notify", "edge"]')).groups;
    expect(group?.notify).toEqual([
      {
        kind: 'command',
        program: '/etc/tiebreak/notify',
        arguments: ['edge'],
        states: ['active', 'backup', 'fault', 'stopped'],
        keepalivedArguments: true,
        timeoutMs: 30_000,
      },
    ]);
  });

  it('reads a command and a webhook of one table as two that are told', () => {
    const text = withNotify(
      'command = ["/bin/true"]\nkeepalived_arguments = false\nwebhook = "https://hooks.example.com/ha"\nsecret_file = "/etc/tiebreak/hook.secret"\nstates = ["active"]\ntimeout = "5s"',
    );
    const base = { states: ['active'], timeoutMs: 5_000 };
    expect(configOf(text).groups[0]?.notify).toEqual([
      { ...base, kind: 'command', program: '/bin/true', arguments: [], keepalivedArguments: false },
      { ...base, kind: 'webhook', url: 'https://hooks.example.com/ha', secretFile: '/etc/tiebreak/hook.secret' },
    ]);
  });

  it.each([
    ['states = ["active"]', 'needs a command or a webhook'],
    ['command = ["notify"]', 'must begin with the absolute path of a program'],
    ['command = ["/bin/true"]\nsecret_file = "/etc/s"', 'signs what a webhook is sent, and there is no webhook'],
    ['command = ["/bin/true"]\nstates = []', 'name a state, or leave states out for all'],
    ['command = ["/bin/true"]\nstates = ["master"]', 'active'],
    ['command = ["/bin/true"]\ntimeout = "10ms"', 'must be at least 100ms'],
    ['webhook = "hooks.example.com"', 'must be a URL that starts with https:// or http://'],
  ])('refuses %s', (lines, message) => {
    const problems = problemsOf(withNotify(lines));
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(message);
  });
});
