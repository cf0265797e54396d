import {
  addressAt,
  addressCount,
  advertisedIntervalUs,
  advertisementV2,
  advertisementV3,
  formatAddress,
} from '@tiebreak/shared/vrrp';
import { describe, expect, test } from 'vitest';
import { address } from './addresses.ts';

const v2 = { virtualRouterId: 33, priority: 200, intervalS: 1, addresses: [address('192.0.2.1')] };
const v3 = {
  family: 'ipv4',
  virtualRouterId: 33,
  priority: 200,
  intervalCs: 10,
  addresses: [address('192.0.2.1')],
} as const;
const v3Ipv6 = { ...v3, family: 'ipv6', addresses: [address('fe80::1'), address('2001:db8::1')] } as const;

describe('an advertisement that no receiver would take cannot be made', () => {
  test.each([
    ['virtual router id', [0, 256, 1.5, Number.NaN], (value: number) => ({ virtualRouterId: value })],
    ['priority', [-1, 256, 0.5], (value: number) => ({ priority: value })],
  ] as const)('%s', (_, values, field) => {
    for (const value of values) {
      expect(() => advertisementV2({ ...v2, ...field(value) })).toThrow(RangeError);
      expect(() => advertisementV3({ ...v3, ...field(value) })).toThrow(RangeError);
    }
  });

  test('a version 2 interval is 1 to 255 s, a version 3 interval 1 to 4095 cs (erratum 8301)', () => {
    for (const intervalS of [0, 256, 0.5]) expect(() => advertisementV2({ ...v2, intervalS })).toThrow(RangeError);
    for (const intervalCs of [0, 4096, 0.5]) expect(() => advertisementV3({ ...v3, intervalCs })).toThrow(RangeError);
  });

  test('it has up to 255 addresses, and in version 3 at least one (erratum 8299)', () => {
    const addresses = Array.from({ length: 256 }, () => address('192.0.2.1'));
    expect(() => advertisementV2({ ...v2, addresses })).toThrow(RangeError);
    expect(() => advertisementV3({ ...v3, addresses })).toThrow(RangeError);
    expect(() => advertisementV3({ ...v3, addresses: [] })).toThrow(RangeError);
  });

  test('its addresses are all of its family (RFC 9568 section 5.2.9)', () => {
    expect(() => advertisementV2({ ...v2, addresses: [address('fe80::1')] })).toThrow(RangeError);
    expect(() => advertisementV3({ ...v3, addresses: [address('192.0.2.1'), address('fe80::1')] })).toThrow(RangeError);
    expect(() => advertisementV3({ ...v3Ipv6, addresses: [address('fe80::1'), address('192.0.2.1')] })).toThrow(
      RangeError,
    );
  });

  test('its first IPv6 address is link-local (erratum 8300)', () => {
    expect(() => advertisementV3({ ...v3Ipv6, addresses: [address('2001:db8::1'), address('fe80::1')] })).toThrow(
      RangeError,
    );
  });

  test('version 2 authentication data has 8 bytes', () => {
    for (const length of [0, 7, 9]) {
      expect(() => advertisementV2({ ...v2, authData: new Uint8Array(length) })).toThrow(RangeError);
    }
  });
});

test('the limits themselves are allowed', () => {
  const addresses = Array.from({ length: 255 }, () => address('192.0.2.1'));
  for (const priority of [0, 255]) {
    for (const virtualRouterId of [1, 255]) {
      const ids = { priority, virtualRouterId, addresses };
      for (const intervalS of [1, 255]) expect(addressCount(advertisementV2({ ...ids, intervalS }))).toBe(255);
      for (const intervalCs of [1, 4095])
        expect(addressCount(advertisementV3({ ...v3, ...ids, intervalCs }))).toBe(255);
    }
  }
});

test('addresses come out one by one, in order, and there is none beyond the last', () => {
  const advertisement = advertisementV3(v3Ipv6);
  expect(addressCount(advertisement)).toBe(2);
  expect([0, 1].map((index) => formatAddress(addressAt(advertisement, index)))).toEqual(['fe80::1', '2001:db8::1']);
  for (const index of [-1, 2, 0.5]) expect(() => addressAt(advertisement, index)).toThrow(RangeError);
});

test('the advertised interval is microseconds for both versions', () => {
  expect(advertisedIntervalUs(advertisementV2({ ...v2, intervalS: 255 }))).toBe(255_000_000);
  expect(advertisedIntervalUs(advertisementV3({ ...v3, intervalCs: 1 }))).toBe(10_000);
});
