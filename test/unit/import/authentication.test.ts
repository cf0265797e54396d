import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../agent/config/index.ts';
import { drafted, instance, said, translated } from './keepalived.ts';

function password(lines: string, ...more: readonly string[]) {
  const { toml, findings } = translated(instance(`authentication {\n${lines}\n}`, ...more));
  const loaded = loadConfig(toml ?? '', 'result.toml');
  if (!loaded.ok) throw new Error(loaded.problems.map(({ message }) => message).join('\n'));
  return { password: loaded.config.groups[0]?.virtualRouters[0]?.authPass ?? null, findings: findings.map(said) };
}

describe('authentication', () => {
  it.each([
    ['auth_pass 1111', '1111'],
    ['auth_pass 123456789', '12345678'],
    ['auth_pass "a#b!"', 'a#b!'],
    [String.raw`auth_pass it's\n`, String.raw`it's\n`],
    [`auth_pass 'quoted'`, `'quoted'`],
  ])('PASS: %s', (line, expected) => {
    expect(password(`auth_type PASS\n${line}`)).toEqual({ password: expected, findings: [] });
  });

  it.each([
    ['auth_type AH\nauth_pass 1111', "7: refused: 'auth_type AH': the IPsec header is not spoken here"],
    ['auth_type MD5\nauth_pass 1111', "7: refused: 'auth_type MD5': neither PASS nor AH"],
    ['auth_pass 1111', "7: left_out: 'auth_pass': keepalived ignores it without auth_type"],
    ['auth_type PASS', "7: left_out: 'auth_type': keepalived ignores it without auth_pass"],
    ['auth_type PASS\nauth_pass "geh eim"', "8: refused: 'auth_pass': has blanks, or signs that are not ASCII"],
    ['auth_type PASS\nauth_pass gehäim', "8: refused: 'auth_pass': has blanks, or signs that are not ASCII"],
    ['auth_type PASS\nauth_word 1111', "8: refused: 'auth_word' is not a keyword of authentication"],
  ])('%s', (lines, expected) => {
    const found = password(lines);
    expect(found.password).toBeNull();
    expect(found.findings.join('\n')).toContain(`main.conf:${expected}`);
  });

  it('is nothing in version 3', () => {
    expect(password('auth_type PASS\nauth_pass 1111', 'version 3')).toEqual({
      password: null,
      findings: ["main.conf:7: left_out: 'auth_type': keepalived ignores it in version 3, which has no passwords"],
    });
  });

  it('no finding shows a password', () => {
    const found = password('auth_type PASS\nauth_pass geheim geheim');
    expect(found.findings).toHaveLength(1);
    expect(found.findings.join()).not.toContain('geheim');
  });
});

describe('beside it', () => {
  it('routes', () => {
    const lines =
      '192.0.2.0/24 via 192.0.2.1\nto 198.51.100.7 gw 192.0.2.2 dev eth0 metric 5\nsrc 192.0.2.100 default dev eth1 table 7';
    const { toml, findings } = translated(instance(`virtual_routes {\n${lines}\n}`));
    expect(findings.map(said)).toEqual([]);
    expect(toml).toContain(
      'routes = [\n  { to = "192.0.2.0/24", via = "192.0.2.1" },  # main.conf:7\n' +
        '  { to = "198.51.100.7/32", via = "192.0.2.2", interface = "eth0", metric = 5 },  # main.conf:8\n' +
        '  { to = "0.0.0.0/0", source = "192.0.2.100", interface = "eth1", table = 7 },  # main.conf:9\n]\n',
    );
  });

  it.each([
    [['no_accept'], true],
    [['no_accept', 'accept'], false],
    [['no_accept', 'priority 255'], false],
  ])('%s', (lines, expected) => {
    expect(drafted(instance(...lines)).toml.includes('accept = false')).toBe(expected);
  });

  it('what this version cannot load is left out by itself, and said', () => {
    const { toml, findings } = translated(instance('track_interface { "eth 1" }'));
    expect(loadConfig(toml ?? '', 'result.toml')).toMatchObject({ ok: true, warnings: [] });
    expect(findings.map(said).join('\n')).toMatch(/^main\.conf:6: refused: 'interface = "eth 1"': /);
  });
});
