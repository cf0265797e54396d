import { expect, it } from 'vitest';
import { configOf, edit, PLAIN, problemsOf } from './example.ts';

const withHmac = (table: string): string => edit(PLAIN, '= 33', `= 33\nauth_hmac = ${table}`);

it('enforces, within three advertisements and 5 s at least, unless the file says otherwise', () => {
  const text = withHmac('{ key_file = "/etc/tiebreak/vrrp.key" }');
  const of = (toml: string) => configOf(toml).groups[0]?.virtualRouters[0]?.authHmac;
  expect(of(text)).toEqual({
    keyFile: '/etc/tiebreak/vrrp.key',
    mode: 'enforce',
    antiReplay: { kind: 'time', windowS: 5 },
  });
  const slow = edit(text, '= 33', '= 33\nadvertisement_interval = "7s"');
  expect(of(slow)?.antiReplay).toEqual({ kind: 'time', windowS: 21 });
  const chosen = withHmac('{ key_file = "/k", mode = "permissive", time_window = "300s" }');
  expect(of(chosen)).toMatchObject({ mode: 'permissive', antiReplay: { windowS: 300 } });
  expect(of(withHmac('{ key_file = "/k", anti_replay = "monotonic" }'))?.antiReplay).toEqual({ kind: 'monotonic' });
  expect(of(PLAIN)).toBeNull();
});

it.each([
  ['{ mode = "enforce" }', 'key_file: is missing'],
  ['{ key_file = "/k", time_window = "500ms" }', 'must be whole seconds, 1s to 300s'],
  ['{ key_file = "/k", time_window = "301s" }', 'must be whole seconds, 1s to 300s'],
  ['{ key_file = "/k", mode = "off" }', 'permissive'],
  ['{ key_file = "/k", active_key = 1 }', 'active_key'],
])('refuses %s', (table, message) => {
  const problems = problemsOf(withHmac(table));
  expect(problems).toHaveLength(1);
  expect(problems[0]).toContain(message);
});

it('excludes a password', () => {
  const text = edit(
    withHmac('{ key_file = "/k" }'),
    '= 33',
    '= 33\nversion = 2\nadvertisement_interval = "1s"\nauth_pass = "x"',
  );
  expect(problemsOf(text)).toEqual([expect.stringContaining('auth_hmac and auth_pass exclude each other')]);
});
