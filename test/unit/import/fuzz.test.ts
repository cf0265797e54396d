import fc from 'fast-check';
import { expect, it } from 'vitest';
import { loadConfig } from '../../../agent/config/index.ts';
import { instance, translated } from './keepalived.ts';

/** A configuration that loads, or a finding that says why there is none; every finding points into the text. */
function expectAnswer(text: string): void {
  const { toml, findings } = translated(text);
  if (toml === undefined) expect(findings.length).toBeGreaterThan(0);
  else expect(loadConfig(toml, 'result.toml')).toMatchObject({ ok: true });
  const lines = text.split(/\r\n|\n|\r/).length;
  for (const { file, line, what } of findings) {
    expect(file).toBe('main.conf');
    expect(line).toBeGreaterThanOrEqual(1);
    expect(line).toBeLessThanOrEqual(lines);
    expect(what).not.toMatch(/undefined|\[object/);
  }
}

it('any text gets an answer', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
      expectAnswer(text);
    }),
    { numRuns: 500 },
  );
});

const TOKENS = [
  ...[
    '{',
    '}',
    '"',
    "'",
    '\\',
    '!',
    '#',
    '@here ',
    '@^here ',
    '$A',
    '$A=',
    '$A=\\\n',
    `\${A}`,
    '~SEQ(A, 1, 3) ',
    '\n',
    ' ',
  ],
  ...[
    'include x',
    'vrrp_instance VI_2 {',
    'vrrp_sync_group G {',
    'vrrp_script chk {',
    'script "/x \'a b\'"',
    'track_script {',
    'chk',
    'weight 5',
    'reverse',
    'track_interface {',
    'vrrp_track_process p {',
    'process nginx',
    'track_process {',
    'authentication {',
    'auth_type PASS',
    'auth_pass 1111',
    'notify /x',
    'notify_master "/x y"',
    'virtual_routes {',
    '192.0.2.0/24 via 192.0.2.1',
    'no_accept',
    '~LST(A, 1, 2) ',
    `\${_ENV X}`,
    'group {',
    'VI_1',
    'virtual_ipaddress {',
    '192.0.2.9',
    'fe80::1/64',
  ],
  ...[
    'dev',
    'label',
    'use_vmac',
    'nopreempt',
    'priority',
    'unicast_peer {',
    'unicast_src_ip',
    '0',
    '-1',
    '1e9',
    '__proto__',
    '\u0000',
  ],
];
const WHOLE = `$P=100\nglobal_defs {\nvrrp_version 3\n}\n${instance('priority $P', '@here use_vmac', 'nopreempt')}\n`;

it('a file with pieces cut out, put in or moved gets an answer', () => {
  const change = fc.record({ at: fc.nat(WHOLE.length), cut: fc.nat(12), put: fc.constantFrom('', ...TOKENS) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 5 }), (changes) => {
      expectAnswer(changes.reduce((base, { at, cut, put }) => base.slice(0, at) + put + base.slice(at + cut), WHOLE));
    }),
    { numRuns: 1_500 },
  );
});

it('any row of words gets an answer', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...TOKENS), { maxLength: 60 }), (tokens) => {
      expectAnswer(tokens.join(' '));
    }),
    { numRuns: 1_000 },
  );
});
