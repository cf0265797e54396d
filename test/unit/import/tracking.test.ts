import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../agent/config/index.ts';
import { drafted, instance, said, translated } from './keepalived.ts';

const ROOT = 'global_defs { script_user root }';

function script(...lines: readonly string[]): string {
  return `vrrp_script chk {\n${lines.join('\n')}\n}`;
}

/** The checks that come of it, after the defaults of the configuration, and what is said. */
function checks(text: string) {
  const { toml, findings } = translated(text);
  const loaded = loadConfig(toml ?? '', 'result.toml');
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
  return { checks: loaded.config.groups[0]?.checks, findings: findings.map(said) };
}

describe('a vrrp_script that is tracked is a check by command', () => {
  it('with its times and counts', () => {
    const chk = script(
      'script "/usr/bin/x a"',
      'interval 2',
      'timeout 5',
      'rise 3',
      'fall 4',
      'weight -20',
      'user root',
    );
    expect(checks(`${ROOT}\n${chk}\n${instance('track_script { chk }')}`)).toEqual({
      findings: [],
      checks: [
        {
          kind: 'command',
          name: 'chk',
          program: '/usr/bin/x',
          arguments: ['a'],
          intervalMs: 2_000,
          timeoutMs: 5_000,
          rise: 3,
          fall: 4,
          weight: -20,
          reverse: false,
          user: null,
        },
      ],
    });
  });

  it('gives the group up each second by default', () => {
    const text = `${ROOT}\n${script('script /usr/bin/x')}\n${instance('track_script { chk }')}`;
    expect(checks(text).checks).toMatchObject([{ weight: 0, intervalMs: 1_000, timeoutMs: 1_000, rise: 1, fall: 1 }]);
  });

  it('with the weight of who tracks it', () => {
    const tracks = 'track_script {\nchk weight 5\n}';
    const text = `${ROOT}\n${script('script /usr/bin/x', 'weight -9 reverse')}\n${instance(tracks)}`;
    expect(checks(text.replace('weight 5', 'weight 5 noreverse')).checks).toMatchObject([{ weight: 5 }]);
    expect(checks(text)).toMatchObject({ findings: [], checks: [{ weight: -5, reverse: true }] });
  });

  it.each([
    [String.raw`"/x 'a b' c\\\"d"`, ['a b', 'c"d']],
    [`'/x "a b" c'`, ['a b', 'c']],
    [String.raw`"/x a\ b"`, ['a', 'b']],
    [String.raw`"/x a\\ b"`, ['a b']],
    ['/x', []],
  ])('splits words twice, as keepalived does: %s', (text, expected) => {
    const all = `${ROOT}\n${script(`script ${text}`)}\n${instance('track_script { chk }')}`;
    expect(checks(all)).toMatchObject({ findings: [], checks: [{ program: '/x', arguments: expected }] });
  });

  it('finds a program without a path where keepalived would', () => {
    const { toml } = translated(`${ROOT}\n${script('script "pidof nginx"')}\n${instance('track_script { chk }')}`);
    expect(toml).toContain(
      'command = ["/usr/bin/pidof", "nginx"]  # main.conf:3 pidof, as it was found on this host\n',
    );
  });

  it('says that signals do not reach processes of others', () => {
    const text = `${ROOT}\n${script('script "/usr/bin/killall -0 haproxy"')}\n${instance('track_script { chk }')}`;
    expect(checks(text)).toMatchObject({
      checks: [{ program: '/usr/bin/killall' }],
      findings: [expect.stringContaining('main.conf:3: left_out: ')],
    });
  });

  it('is a check by TCP where bash would open a connection', () => {
    const text = `${ROOT}\n${script('script "</dev/tcp/127.0.0.1/80"')}\n${instance('track_script { chk }')}`;
    expect(checks(text)).toMatchObject({ findings: [], checks: [{ kind: 'tcp', host: '127.0.0.1', port: 80 }] });
  });

  it.each([
    ['script "/x \'a"', "3: refused: 'script /x 'a': a quotation that is not closed"],
    ['script x/y', "3: refused: 'script x/y': depends on the directory; write the absolute path"],
    ['script ./y', "3: refused: 'script ./y': depends on the directory"],
    ['script none', "3: refused: 'script none': there is no none in the path of programs here"],
    ['script "</x"', "3: refused: 'script </x': looks whether a file can be opened; write a [[group.check]] with file"],
    ['script /x y', "3: refused: 'script /x y': 'y' has no equivalent"],
    ['script /x\nuser www adm', "4: refused: 'script /x' is run as 'www adm', and here as root"],
    ['script /x\ninit_fail', "4: refused: 'init_fail': until its first look"],
    ['script /x\nfall 101', "4: refused: 'fall 101': must be a whole number from 1 to 100"],
    ['script /x\nweight 254', '4: refused: weight 254: must be a whole number from -253 to 253'],
    ['script /x\nweight 2 backwards', "4: refused: 'weight 2 backwards': 'backwards' is not reverse"],
    ['script /x\nscripts /y', "4: refused: 'scripts' is not a keyword that is known here; did you mean 'script'?"],
    ['interval 1', "2: refused: 'vrrp_script chk' has no script; add it"],
  ])('refuses %s', (line, expected) => {
    const { toml, findings } = translated(`${ROOT}\n${script(line)}\n${instance('track_script { chk }')}`);
    expect(findings.map(said).join('\n')).toContain(`main.conf:${expected}`);
    expect(loadConfig(toml ?? '', 'result.toml')).toMatchObject({ ok: true, warnings: [] });
  });

  it('is not tracked in front of its definition', () => {
    const text = `${ROOT}\n${instance('track_script { chk }')}\n${script('script /x')}`;
    expect(checks(text)).toEqual({
      checks: [],
      findings: [
        "main.conf:7: refused: 'chk': keepalived ignores it, as vrrp_script chk comes only in line 9; move the vrrp_script in front of what tracks it, or take the line out",
      ],
    });
  });

  it('is run as the user that keepalived runs it as', () => {
    const text = `global_defs { script_user www }\n${script('script /x')}\n${instance('track_script { chk }')}`;
    expect(checks(text)).toMatchObject({
      checks: [{ program: '/x', user: 'www' }],
      findings: [
        "main.conf:3: left_out: 'script /x' is run as 'www': the unit needs three more capabilities; docs/systemd.md names them",
      ],
    });
  });

  it('says once who runs programs', () => {
    const text = `${script('script /x')}\n${instance('track_script { chk }', 'notify_master /y')}`;
    expect(checks(text).findings).toEqual([
      "main.conf:2: left_out: 'script /x': keepalived runs programs as keepalived_script if there is such a user, and else as root; here all of them are run as root",
    ]);
  });

  it('what keepalived ignores beside priority 255 is left out', () => {
    const text = `${ROOT}\n${script('script /x')}\n${instance('priority 255', 'track_script { chk weight 5 }')}`;
    expect(checks(text)).toMatchObject({ checks: [], findings: [expect.stringContaining('beside priority 255')] });
  });

  it('the first of two entries counts', () => {
    const tracks = 'track_script {\nchk weight 5\nchk weight 6\n}';
    expect(checks(`${ROOT}\n${script('script /x')}\n${instance(tracks)}`)).toMatchObject({
      checks: [{ weight: 5 }],
      findings: ["main.conf:12: left_out: 'chk weight 6': chk is tracked already; keepalived takes the first"],
    });
  });
});

describe('an interface that is tracked is a check by interface', () => {
  it('with its weight, but for the own one', () => {
    const { toml, findings } = drafted(instance('track_interface {\neth0\neth1 weight 5\nETH2\n}'));
    expect(findings).toEqual([]);
    expect(toml).toContain(
      '\n[[group.check]]  # main.conf:8\nname = "eth1"\ninterface = "eth1"  # main.conf:8\nweight = 5\n' +
        '\n[[group.check]]  # main.conf:9\nname = "eth2"\ninterface = "ETH2"  # main.conf:9\n',
    );
    expect(toml).not.toContain('"eth0"  # main.conf:7');
  });
});

describe('a vrrp_track_process is a check by process', () => {
  const process = (...lines: readonly string[]) =>
    `vrrp_track_process web {\n${lines.join('\n')}\n}\n${instance('track_process { web }')}`;

  it('with its weight', () => {
    const { toml, findings } = drafted(process('process nginx', 'weight 10', 'quorum 2'));
    expect(findings).toEqual([]);
    expect(toml).toContain('name = "web"\nprocess = "nginx"  # main.conf:2\nquorum = 2  # main.conf:4\nweight = 10\n');
  });

  it.each([
    ['process nginx -g x', "'process nginx -g x': a check by process asks how many of that name run"],
    ['process nginx\nquorum_max 2', "'quorum_max 2': a check by process asks"],
    ['process nginx\nfull_command', "'full_command': a check by process asks"],
    ['process nginx\nparam_match initial', "'param_match initial': a check by process asks"],
    ['process nginx\ndelay 2', "'delay 2': a check counts looks in a row instead; write rise and fall"],
    ['weight 2', "'vrrp_track_process web' names no process"],
  ])('refuses %s', (lines, expected) => {
    expect(drafted(process(lines)).findings.join('\n')).toContain(`refused: ${expected}`);
  });
});

describe('in a sync group', () => {
  const second = instance().replaceAll('VI_1', 'VI_2').replaceAll('51', '52').replaceAll('.100', '.200');
  const group = (member: string, ...own: readonly string[]) =>
    `vrrp_script chk {\nscript /x\n}\nvrrp_sync_group G {\ngroup {\nVI_1\nVI_2\n}\n${own.join('\n')}\n}\n${instance(member)}\n${second}`;
  const found = (text: string) => {
    const { toml, findings } = drafted(text);
    return { weights: [...toml.matchAll(/^weight = (.*)$/gm)].map(([, weight]) => weight), toml, findings };
  };

  it('its own weights count for all members', () => {
    const { weights, toml } = found(group('', 'track_script { chk weight 5 }'));
    expect(weights).toEqual(['5']);
    expect(toml.match(/^\[\[group\.check\]\]/gm)).toHaveLength(1);
  });

  it('a member without weight tracks for the whole group, once', () => {
    const { weights, toml } = found(group('track_script { chk }', 'track_script { chk weight 5 }'));
    expect(weights).toEqual([]);
    expect(toml.match(/^\[\[group\.check\]\]/gm)).toHaveLength(1);
  });

  it('the weight of a member does not count', () => {
    const { weights, toml, findings } = found(group('track_script { chk weight 5 }'));
    expect(weights).toEqual([]);
    expect(toml).not.toContain('[[group.check]]');
    expect(findings.join('\n')).toContain('chk with weight 5, in a member of a sync group: keepalived ignores it');
  });

  it('an interface with weight of a member has none', () => {
    const { weights, toml, findings } = found(group('track_interface { eth9 weight 5 }'));
    expect(weights).toEqual([]);
    expect(toml).toContain('interface = "eth9"');
    expect(findings.join('\n')).toContain('keepalived ignores the weight, and so the group is given up');
  });

  it.each(['sync_group_tracking_weight', 'global_tracking'])('%s is refused', (keyword) => {
    const said = translated(group('', keyword)).findings.map(({ kind, what }) => `${kind} ${what}`);
    expect(said).toContain(`refused '${keyword}': the weights of its members would make their priorities part`);
  });
});
