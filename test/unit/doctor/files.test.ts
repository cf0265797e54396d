import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { judgePrograms } from '../../../agent/doctor/check-programs.ts';
import { type FolderFacts, judgeFolders, readFolder } from '../../../agent/doctor/folders.ts';
import { judgeRulesetProgram, readRulesetProgram } from '../../../agent/doctor/ruleset-programs.ts';
import { judgeSecrets } from '../../../agent/doctor/secrets.ts';
import { judgeServiceUnit, readServiceUnit, serviceSettings } from '../../../agent/doctor/service-unit.ts';
import { judgeVrrpPrograms } from '../../../agent/doctor/vrrp-programs.ts';
import { configOf, edit, PAIR } from '../config/example.ts';
import { told } from './facts.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'tb-doctor-'));
});
afterEach(() => rmSync(root, { recursive: true }));

function put(path: string, text: string): void {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
}

describe('a service that loads rulesets', () => {
  it('is told of if it is enabled and flushes', () => {
    expect(told(judgeRulesetProgram(readRulesetProgram(root)))[0]).toMatch(/^ok /);
    put('etc/nftables.conf', '#!/usr/sbin/nft -f\n\nflush ruleset\ntable inet filter { }\n');
    expect(told(judgeRulesetProgram(readRulesetProgram(root)))[0]).toMatch(/^ok /);
    mkdirSync(join(root, 'etc/systemd/system/sysinit.target.wants'), { recursive: true });
    symlinkSync('/nowhere', join(root, 'etc/systemd/system/sysinit.target.wants/nftables.service'));
    expect(told(judgeRulesetProgram(readRulesetProgram(root)))[0]).toMatch(
      /^warning rulesets: nftables.service is enabled/,
    );
    put('etc/nftables.conf', '# flush ruleset\nflush table inet filter\n');
    expect(told(judgeRulesetProgram(readRulesetProgram(root)))[0]).toMatch(/^ok /);
  });
});

describe('folders', () => {
  const disk: FolderFacts = { path: '/s', looked: '/s', unwritable: undefined, inMemory: false, freeBytes: 1e9 };
  const memory: FolderFacts = { ...disk, path: '/r', looked: '/r', inMemory: true };

  it.each([
    ['as they should be', {}, {}, ['ok folders: /s survives a reboot, /r is in memory; both can be written']],
    ['votes on a disk', {}, { inMemory: false }, ['warning run_dir: /r is on a disk']],
    ['promises in memory', { inMemory: true }, {}, ['problem state_dir: /s is in memory']],
    ['a full disk', { freeBytes: 0 }, {}, ['problem state_dir: /s has 0.0 MiB left']],
    ['a disk that is nearly full', { freeBytes: 10 << 20 }, {}, ['warning state_dir: /s has 10.0 MiB left']],
    ['no permission', { unwritable: 'no' }, {}, ['problem state_dir: /s: no']],
    [
      'no permission to make it',
      { looked: '/', unwritable: 'no' },
      {},
      ['problem state_dir: /s cannot be made: /: no'],
    ],
  ])('%s', (_what, state, run, lines) => {
    const findings = told(judgeFolders({ state: { ...disk, ...state }, run: { ...memory, ...run } }));
    expect(findings.map((line, index) => line.slice(0, lines[index]?.length ?? 0))).toEqual(lines);
  });

  it('looks at the nearest folder that there is, and makes none', () => {
    const facts = readFolder(join(root, 'not', 'there'));
    expect(facts).toMatchObject({ looked: root, unwritable: undefined });
    expect(facts.freeBytes).toBeGreaterThan(0);
  });
});

describe('the systemd unit', () => {
  const GOOD = `[Service]
Type=notify
NotifyAccess=all
Restart=always
RuntimeDirectory=tiebreak
RuntimeDirectoryPreserve=yes
WatchdogSec=30s
CapabilityBoundingSet=CAP_NET_ADMIN CAP_NET_RAW
`;
  const config = configOf(PAIR);
  const judge = (text: string, of = config) =>
    told(judgeServiceUnit({ path: 'U', settings: serviceSettings([text]) }, of));

  it('as docs/systemd.md has it', () => {
    expect(judge(GOOD)).toEqual(['ok systemd unit: U has what the agent needs']);
  });

  it.each([
    ['RuntimeDirectoryPreserve=yes', '', 'systemd removes /run/tiebreak with each stop'],
    ['RuntimeDirectoryPreserve=yes', 'RuntimeDirectoryPreserve=restart', 'its votes are lost when it is stopped'],
    ['Type=notify', 'Type=simple', 'systemd does not hear when the agent is ready'],
    ['NotifyAccess=all', '', 'the engine, a child, speaks for the service'],
    ['WatchdogSec=30s', 'WatchdogSec=5s', 'a watchdog of 5 s'],
    ['Restart=always', '', 'nothing starts the agent again'],
    ['Restart=always', 'Restart=always\nKillMode=mixed', 'when the guardian has gone'],
    [' CAP_NET_RAW', '', 'it takes CAP_NET_RAW away from the agent'],
  ])('%s turned into %j', (from, to, text) => {
    const [line, ...rest] = judge(edit(GOOD, from, to));
    expect(line).toContain(`warning systemd unit: U: ${text}`);
    expect(rest).toEqual([]);
  });

  it('with a check that runs as another user', () => {
    const check = '\n[[group.check]]\nname = "db"\ncommand = ["/bin/true"]\nuser = "nobody"\n';
    expect(judge(GOOD, configOf(PAIR + check))[0]).toContain('takes CAP_SETUID, CAP_SETGID, CAP_KILL away');
  });

  it('reads drop-ins after the unit: lists grow, an empty value empties, other sections do not count', () => {
    put('etc/systemd/system/tiebreak.service', `[Unit]\nType=nothing\n${GOOD}`);
    put('etc/systemd/system/tiebreak.service.d/more.conf', '[Service]\nCapabilityBoundingSet=CAP_KILL\nType=exec\n');
    const settings = readServiceUnit(root)?.settings;
    expect(settings?.get('CapabilityBoundingSet')).toBe('CAP_NET_ADMIN CAP_NET_RAW CAP_KILL');
    expect(settings?.get('Type')).toBe('exec');
    expect(
      serviceSettings([GOOD, '[Service]\nCapabilityBoundingSet=\nCapabilityBoundingSet=CAP_KILL\n']).get(
        'CapabilityBoundingSet',
      ),
    ).toBe('CAP_KILL');
  });

  it('is not there: nothing is said', () => {
    expect(judgeServiceUnit(readServiceUnit(join(root, 'nowhere')), config)).toEqual([]);
  });
});

it('other VRRP programs are told of, by name and pid', () => {
  expect(told(judgeVrrpPrograms([]))).toEqual(['ok other programs: no other VRRP or CARP program runs here']);
  const running = [
    { name: 'keepalived', pid: 7 },
    { name: 'keepalived', pid: 8 },
  ];
  expect(told(judgeVrrpPrograms(running))).toEqual(['warning other programs: keepalived runs here too (pid 7, 8)']);
});

it('programs that others could change are problems', () => {
  expect(judgePrograms([])).toEqual([]);
  expect(told(judgePrograms([{ topic: 'check x', unsafe: undefined }]))[0]).toMatch(/^ok /);
  expect(told(judgePrograms([{ topic: 'check x', unsafe: 'everyone may write to /x' }]))).toEqual([
    'problem check x: everyone may write to /x',
  ]);
});

it('key and token files are told of as they are read', () => {
  const problem = { file: '/k', line: null, message: 'others may use it', unreadable: false };
  expect(told(judgeSecrets({ ok: false, problems: [problem] }))).toEqual(['problem secrets: /k: others may use it']);
});
