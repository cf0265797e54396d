import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../agent/config/index.ts';
import { instance, said, translated } from './keepalived.ts';

const ROOT = 'global_defs { script_user root }';

function notified(text: string) {
  const { toml, findings } = translated(`${ROOT}\n${text}`);
  const loaded = loadConfig(toml ?? '', 'result.toml');
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
  return { notify: loaded.config.groups[0]?.notify, findings: findings.map(said) };
}

const ALL = ['active', 'backup', 'fault', 'stopped'];

describe('programs that are notified', () => {
  it.each([
    ['notify_master', ['active']],
    ['notify_backup', ['backup']],
    ['notify_fault', ['fault']],
    ['notify_stop', ['stopped']],
  ])('%s is told of its state, and nothing more', (keyword, states) => {
    expect(notified(instance(`${keyword} "/bin/x 'a b'" root root`))).toMatchObject({
      findings: [],
      notify: [{ program: '/bin/x', arguments: ['a b'], states, keepalivedArguments: false, timeoutMs: 30_000 }],
    });
  });

  it('notify is told everything, after the others', () => {
    const text = instance('notify /bin/all', 'notify_master /bin/x').replace('VI_1', 'vi_1');
    expect(notified(text)).toMatchObject({
      findings: [],
      notify: [
        { program: '/bin/x', states: ['active'] },
        { program: '/bin/all', states: ALL, keepalivedArguments: true },
      ],
    });
  });

  it('a program that looks at its name is to be changed', () => {
    expect(notified(instance('notify /bin/x')).findings).toEqual([
      "main.conf:7: left_out: 'notify /bin/x' is told of 'INSTANCE vi_1', where keepalived says 'INSTANCE VI_1'; change the program if it looks at that",
    ]);
  });

  it('the first of two counts', () => {
    expect(notified(instance('notify_stop /bin/x', 'notify_stop /bin/y'))).toMatchObject({
      notify: [{ program: '/bin/x' }],
      findings: ["main.conf:8: left_out: 'notify_stop' stands in line 7 already, which counts"],
    });
  });

  it.each([
    ['notify_master', "'notify_master' names no program"],
    ['notify_master ""', "'notify_master ': names no program"],
    ['notify_master /bin/x arg', "'notify_master /bin/x arg' is run as 'arg', and here as root"],
    ['notify_master /bin/x { }', "'notify_master /bin/x' has no block"],
  ])('refuses %s', (line, expected) => {
    expect(notified(instance(line)).findings.join('\n')).toContain(`main.conf:7: refused: ${expected}`);
  });

  it('in a sync group the group is told, and none of its members', () => {
    const second = instance().replaceAll('VI_1', 'VI_2').replaceAll('51', '52').replaceAll('.100', '.200');
    const sync = 'vrrp_sync_group g {\ngroup {\nVI_1\nVI_2\n}\nnotify /bin/g\n}';
    const { notify, findings } = notified(`${sync}\n${instance('notify_stop /bin/i')}\n${second}`);
    expect(notify).toMatchObject([{ program: '/bin/g', keepalivedArguments: true }]);
    expect(findings).toEqual([
      "main.conf:14: refused: 'notify_stop /bin/i': the virtual routers of a sync group change state as one; let the vrrp_sync_group notify",
    ]);
  });
});
