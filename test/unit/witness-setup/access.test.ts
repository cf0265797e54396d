import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { adviceText, adviseInterval, defaultCredentialsFile, findAccess } from '../../../agent/witness-setup/index.ts';

const TOKEN = 'admin-token-of-this-test';
let directory: string;
let file: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tb-access-'));
  file = join(directory, 'witness.json');
});
afterEach(() => rmSync(directory, { recursive: true }));

function put(content: unknown, mode = 0o600): void {
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(file, mode);
}

describe('the witness and its admin token', () => {
  test('come both from the credentials file', () => {
    put({ url: 'https://witness.example.com/', admin_token: TOKEN, worker: 'tiebreak-witness' });
    const given = { url: undefined, file, adminToken: 'of-another-witness' };
    expect(findAccess(given)).toEqual({
      ok: true,
      access: { url: 'https://witness.example.com', adminToken: TOKEN, source: file },
      warning: undefined,
    });
  });

  test('or the URL as given, and the token from the environment', () => {
    put({ url: 'https://witness.example.com', admin_token: 'of-the-witness-in-the-file' });
    const found = findAccess({ url: 'https://other.example.com:8443', file, adminToken: TOKEN });
    expect(found).toMatchObject({ access: { url: 'https://other.example.com:8443', adminToken: TOKEN } });
    expect(findAccess({ url: 'https://other.example.com', file, adminToken: undefined })).toMatchObject({
      ok: false,
      reason: expect.stringContaining('TIEBREAK_ADMIN_TOKEN must hold the admin token'),
    });
  });

  test('are asked for where there is neither', () => {
    const found = findAccess({ url: undefined, file, adminToken: TOKEN });
    expect(found).toMatchObject({ ok: false, reason: expect.stringContaining(`There is no ${file}`) });
  });

  test.each([
    ['others may read', { url: 'https://w.example.com', admin_token: TOKEN }, 0o640, 'do: chmod 600'],
    ['is no JSON', `${TOKEN} {`, 0o600, 'is not what'],
    ['has no token', { url: 'https://w.example.com' }, 0o600, 'is not what'],
    ['has a token that can be guessed', { url: 'https://w.example.com', admin_token: 'short' }, 0o600, 'is not what'],
    ['leads nowhere', { url: 'witness', admin_token: TOKEN }, 0o600, 'url must be a URL'],
  ])('are not taken from a file that %s, whose content is not repeated', (_, content, mode, told) => {
    put(content, mode);
    const found = findAccess({ url: undefined, file, adminToken: undefined });
    expect(found).toMatchObject({ ok: false, reason: expect.stringContaining(told) });
    expect(JSON.stringify(found)).not.toContain(TOKEN);
  });

  test.each([
    ['https://w.example.com/', 'https://w.example.com'],
    ['https://W.example.com:443//', 'https://w.example.com'],
    ['http://[::1]:8787', 'http://[::1]:8787'],
  ])('%s is %s', (url, origin) => {
    expect(findAccess({ url, file, adminToken: TOKEN })).toMatchObject({ access: { url: origin }, warning: undefined });
  });

  test.each([
    ['w.example.com', 'must be a URL'],
    ['ftp://w.example.com', 'must be a URL'],
    ['https://w.example.com/v1', 'must end after the host, as in https://w.example.com'],
    ['https://w.example.com/?a', 'must end after the host'],
    ['https://admin:secret@w.example.com', 'must not hold a user or a password'],
  ])('--url %s is refused', (url, told) => {
    const found = findAccess({ url, file, adminToken: TOKEN });
    expect(found).toMatchObject({ ok: false, reason: expect.stringContaining(told) });
    expect(JSON.stringify(found)).not.toContain('secret');
  });

  test('http:// beyond this host is warned of', () => {
    const found = findAccess({ url: 'http://192.0.2.10:8787', file, adminToken: TOKEN });
    expect(found).toMatchObject({ ok: true, warning: expect.stringContaining('neither encrypted') });
  });
});

test('the credentials lie where the XDG base directories say', () => {
  expect(defaultCredentialsFile({ XDG_CONFIG_HOME: '/x' })).toBe('/x/tiebreak/witness.json');
  const byDefault = join(homedir(), '.config', 'tiebreak', 'witness.json');
  for (const unusable of ['', 'relative']) {
    expect(defaultCredentialsFile({ XDG_CONFIG_HOME: unusable })).toBe(byDefault);
  }
});

test.each([
  [1, 3, 250, '250 ms, the default, is long enough: the votes want 3 ms at least'],
  [119, 250, 250, '250 ms, the default, is long enough: the votes want 250 ms at least'],
  [120, 252, 300, '300 ms: below 252 ms a vote may come too late'],
  [1_900, 3_990, 4_000, '4000 ms: below 3990 ms a vote may come too late'],
  [1_950, 4_095, null, 'none: at this distance it would have to be 4095 ms, and 4000 ms is the most'],
])('votes of %d ms want an interval of %d ms at least', (p99Ms, leastMs, advisedMs, text) => {
  const advice = adviseInterval(p99Ms);
  expect([advice, adviceText(advice)]).toEqual([{ leastMs, advisedMs }, text]);
});
