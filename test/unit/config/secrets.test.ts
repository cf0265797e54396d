import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { formatSecretProblem, loadSecrets, readFloatingIpCredential } from '../../../agent/config/index.ts';
import { configOf, PAIR } from './example.ts';

const KEY = '00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff';
const TOKEN = `tbn1.${'0123456789abcdef'.repeat(2)}.${'fedcba9876543210'.repeat(4)}`;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-secrets-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function put(name: string, content: string, mode = 0o600): void {
  writeFileSync(join(directory, name), content);
  chmodSync(join(directory, name), mode);
}

function load(text = PAIR): ReturnType<typeof loadSecrets> {
  return loadSecrets(configOf(text.replaceAll('/etc/tiebreak', directory)));
}

function problems(text = PAIR): string[] {
  const loaded = load(text);
  return loaded.ok ? [] : loaded.problems.map((problem) => formatSecretProblem(problem).replaceAll(directory, ''));
}

describe('sound files', () => {
  it('give the keys in their order, and the token with its parts', () => {
    put('edge.key', `# rotation of May\n\n7 ${KEY}\n 8\t${KEY.toUpperCase().replace('0011', '0012')} \r\n`);
    put('witness.token', `${TOKEN}\n`);
    const loaded = load();
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const keys = loaded.secrets.groupKeys.get('edge');
    expect(keys?.map(({ id, key }) => [id, Buffer.from(key).toString('hex')])).toEqual([
      [7, KEY],
      [8, KEY.replace('0011', '0012')],
    ]);
    expect(loaded.secrets.witness).toEqual({
      token: TOKEN,
      witnessId: '0123456789abcdef'.repeat(2),
      secret: new Uint8Array(Buffer.from('fedcba9876543210'.repeat(4), 'hex')),
    });
    expect(loaded.secrets.apiToken).toBeNull();
  });

  it('may be readable by their group', () => {
    put('edge.key', `1 ${KEY}`, 0o640);
    put('witness.token', TOKEN);
    expect(problems()).toEqual([]);
  });

  it('give the API its token', () => {
    put('edge.key', `1 ${KEY}`);
    put('witness.token', TOKEN);
    put('api.token', 'correct-horse-battery\n');
    const loaded = load(PAIR.replace('[witness]', 'api.token_file = "/etc/tiebreak/api.token"\n[witness]'));
    expect(loaded).toMatchObject({ ok: true, secrets: { apiToken: 'correct-horse-battery' } });
  });
});

describe('the keys of auth_hmac', () => {
  const text = PAIR.replace(
    'addresses = ["192.0.2.100/24"]',
    'addresses = ["192.0.2.100/24"]\nauth_hmac = { key_file = "/etc/tiebreak/vrrp.key" }',
  );
  const with64 = `${KEY}${KEY}`;

  it('have 32 to 64 bytes', () => {
    put('edge.key', `1 ${KEY}`);
    put('witness.token', TOKEN);
    put('vrrp.key', `2 ${with64}\n1 ${KEY}\n`);
    const loaded = load(text);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    const [keys] = loaded.secrets.hmacKeys.values();
    expect(keys?.map(({ id, key }) => [id, key.length])).toEqual([
      [2, 64],
      [1, 32],
    ]);
    put('vrrp.key', `2 ${with64}00\n`);
    expect(problems(text)).toEqual(['/vrrp.key:1: the key has 130 hex digits and needs 32 to 64 bytes']);
    put('vrrp.key', `2 ${with64}\n`, 0o644);
    expect(problems(text)).toEqual(['/vrrp.key: others may use it (mode 0644); do: chmod 600 /vrrp.key']);
  });
});

describe('a key file is refused', () => {
  it.each([
    ['empty', '', '/edge.key: holds no key; write one with: echo "1 $(openssl rand -hex 32)"'],
    ['only a comment', '# nothing\n', '/edge.key: holds no key; write one with: echo "1 $(openssl rand -hex 32)"'],
    ['a key without ID', KEY, "/edge.key:1: is not 'ID HEX', a number and 64 hex digits"],
    ['no hex', `1 ${KEY.replace('f', 'g')}`, "/edge.key:1: is not 'ID HEX', a number and 64 hex digits"],
    ['31 bytes', `1 ${KEY.slice(2)}`, '/edge.key:1: the key has 62 hex digits and needs 64 (32 bytes)'],
    [
      '33 bytes in the second line',
      `1 ${KEY}\n2 ${KEY}00`,
      '/edge.key:2: the key has 66 hex digits and needs 64 (32 bytes)',
    ],
    ['ID 0', `0 ${KEY}`, '/edge.key:1: the key ID must be 1 to 255'],
    ['ID 256', `256 ${KEY}`, '/edge.key:1: the key ID must be 1 to 255'],
    ['an ID twice', `1 ${KEY}\n1 ${KEY}`, '/edge.key:2: the key ID 1 is there twice'],
    ['zeros', `1 ${'0'.repeat(64)}`, '/edge.key:1: the key is one byte over and over: make a random one'],
  ])('%s', (_what, content, problem) => {
    put('edge.key', content);
    put('witness.token', TOKEN);
    expect(problems()).toEqual([problem]);
    expect(problems().join()).not.toContain(KEY.slice(2, 20));
  });

  it.each([0o644, 0o604, 0o602])('with mode %o', (mode) => {
    put('edge.key', `1 ${KEY}`, mode);
    put('witness.token', TOKEN);
    expect(problems()).toEqual([`/edge.key: others may use it (mode 0${mode.toString(8)}); do: chmod 600 /edge.key`]);
  });

  it('that is a directory', () => {
    mkdirSync(join(directory, 'edge.key'));
    put('witness.token', TOKEN);
    expect(problems()).toEqual(['/edge.key: is not a file']);
  });
});

it('the token of a floating IP is read again as its file is by then, and what is wrong with it is said', () => {
  const table =
    '[[group.floating_ip]]\nprovider = "digitalocean"\naddress = "203.0.113.10"\ntoken_file = "/etc/tiebreak/do.token"\n';
  const [floatingIp] =
    configOf(`${PAIR}\n${table}`.replaceAll('/etc/tiebreak', directory)).groups[0]?.floatingIps ?? [];
  if (floatingIp === undefined) throw new Error('the example has a floating IP');
  put('do.token', 'the-first-token-of-it\n');
  expect(readFloatingIpCredential(floatingIp)).toMatchObject({ credential: { token: 'the-first-token-of-it' } });
  put('do.token', 'the-second-token-of-it\n');
  expect(readFloatingIpCredential(floatingIp)).toMatchObject({ credential: { token: 'the-second-token-of-it' } });
  put('do.token', '');
  expect(readFloatingIpCredential(floatingIp)).toEqual({
    ok: false,
    problem: `${directory}/do.token: is empty: put the API token of the cloud there`,
  });
  put('do.token', 'the-second-token-of-it', 0o644);
  expect(readFloatingIpCredential(floatingIp)).toMatchObject({
    ok: false,
    problem: expect.stringContaining('chmod 600'),
  });
});

describe('a witness token is refused', () => {
  it.each([
    ['empty', '\n', '/witness.token: is empty; the witness gives the token at enrolment'],
    [
      'of another kind',
      'Bearer x',
      '/witness.token: is not a token of a witness: it starts with tbn1. and is one line',
    ],
    [
      'cut short',
      TOKEN.slice(0, -1),
      '/witness.token: is not a token of a witness: it starts with tbn1. and is one line',
    ],
    [
      'twice',
      `${TOKEN}\n${TOKEN}`,
      '/witness.token: is not a token of a witness: it starts with tbn1. and is one line',
    ],
  ])('%s', (_what, content, problem) => {
    put('edge.key', `1 ${KEY}`);
    put('witness.token', content);
    expect(problems()).toEqual([problem]);
  });
});

describe('all problems come at once', () => {
  it('and a file of two groups only once', () => {
    const twin = PAIR.slice(PAIR.indexOf('[[group]]'))
      .replace('"edge"', '"twin"')
      .replace('eth0', 'eth1')
      .replace('.100/24', '.101/24');
    expect(problems(`${PAIR}${twin}`)).toEqual([
      '/edge.key: there is no such file',
      '/witness.token: there is no such file',
    ]);
    const loaded = load();
    expect(loaded).toMatchObject({ ok: false, problems: [{ unreadable: true }, { unreadable: true }] });
  });
});
