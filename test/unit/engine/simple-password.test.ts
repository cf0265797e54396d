import { describe, expect, test } from 'vitest';
import { authenticationProblem, passwordBytes, SIMPLE_TEXT_PASSWORD } from '../../../agent/engine/simple-password.ts';
import { advertisementV2, advertisementV3, parseAddress } from '../../../shared/vrrp/index.ts';

const address = parseAddress('192.0.2.100');
if (address === undefined) throw new Error('no address');
const FIELDS = { virtualRouterId: 33, priority: 100, addresses: [address] };
const withPassword = (password: string) =>
  advertisementV2({ ...FIELDS, intervalS: 1, authType: SIMPLE_TEXT_PASSWORD, authData: passwordBytes(password) });

test('a password is filled up with zeros', () => {
  expect([...passwordBytes('1111')]).toEqual([0x31, 0x31, 0x31, 0x31, 0, 0, 0, 0]);
  expect([...passwordBytes('12345678')]).toEqual([0x31, 0x32, 0x33, 0x34, 0x35, 0x36, 0x37, 0x38]);
});

describe('an advertisement belongs here', () => {
  test('with the same password, or without one if none is configured', () => {
    expect(authenticationProblem(withPassword('1111'), passwordBytes('1111'))).toBeUndefined();
    expect(authenticationProblem(advertisementV2({ ...FIELDS, intervalS: 1 }), null)).toBeUndefined();
  });

  test('and not with another, a shorter, a longer or none', () => {
    for (const other of ['1112', '111', '11111']) {
      expect(authenticationProblem(withPassword(other), passwordBytes('1111'))).toBe('another auth_pass');
    }
    expect(authenticationProblem(advertisementV2({ ...FIELDS, intervalS: 1 }), passwordBytes('1111'))).toContain(
      'type 0',
    );
    expect(authenticationProblem(withPassword('1111'), null)).toContain('type 1');
  });

  test('version 3 has none', () => {
    const advertisement = advertisementV3({ ...FIELDS, family: 'ipv4', intervalCs: 100 });
    expect(authenticationProblem(advertisement, null)).toBeUndefined();
  });
});
