import { isIPv4, isIPv6 } from 'node:net';
import { compareAddresses, familyOf, formatAddress, isLinkLocal, parseAddress } from '@tiebreak/shared/vrrp';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { address } from './addresses.ts';

describe('the text of an address is canonical (RFC 5952)', () => {
  test.each([
    ['0.0.0.0', '0.0.0.0'],
    ['192.0.2.255', '192.0.2.255'],
    ['::', '::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['1:0:0:0:0:0:0:0', '1::'],
    ['2001:0db8:0000:0000:0001:0000:0000:0001', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:DB8::ABCD', '2001:db8::abcd'],
    ['2001:db8::192.0.2.33', '2001:db8::c000:221'],
    ['::ffff:c000:201', '::ffff:192.0.2.1'],
    ['::FFFF:192.0.2.1', '::ffff:192.0.2.1'],
    ['fe80::1:2:3:0', 'fe80::1:2:3:0'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::2:3:4:5:6:7:8', '0:2:3:4:5:6:7:8'],
  ])('%s reads as %s', (text, canonical) => {
    expect(formatAddress(address(text))).toBe(canonical);
  });
});

describe('what is not an address is refused', () => {
  test.each([
    '',
    ' ',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '1.2.3.256',
    '1.2.3.04',
    '1.2.3.-4',
    '1.2.3.4 ',
    '1.2.3.',
    '0x1.2.3.4',
    '١.2.3.4',
    ':',
    ':::',
    '1::2::3',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4::5:6:7:8',
    ':1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:',
    '12345::',
    'g::',
    'fe80::1%eth0',
    '2001:db8::/64',
    '192.0.2.1::',
    '::192.0.2.1:1',
    '::192.0.2',
    '1:2:3:4:5:6:7:192.0.2.1',
    ':'.repeat(100_000),
  ])('%j', (text) => {
    expect(parseAddress(text)).toBeUndefined();
  });
});

test('every address survives its own text, and the text is what Node accepts', () => {
  const anyAddress = fc.oneof(
    fc.uint8Array({ minLength: 4, maxLength: 4 }),
    fc
      .array(fc.oneof(fc.constant(0), fc.nat(255)), { minLength: 16, maxLength: 16 })
      .map((bytes) => Uint8Array.from(bytes)),
  );
  fc.assert(
    fc.property(anyAddress, (bytes) => {
      const text = formatAddress(bytes);
      expect(familyOf(bytes) === 'ipv4' ? isIPv4(text) : isIPv6(text)).toBe(true);
      expect(parseAddress(text)).toEqual(bytes);
    }),
  );
});

test('whatever is parsed is an address to Node too', () => {
  const nearly = fc.string({ unit: fc.constantFrom(...':::..0123459afFx '), maxLength: 46 });
  fc.assert(
    fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), nearly), (text) => {
      expect(parseAddress(text) !== undefined).toBe(isIPv4(text) || isIPv6(text));
    }),
    { numRuns: 2000 },
  );
});

test('addresses compare as unsigned integers in network order', () => {
  expect(compareAddresses(address('192.0.2.10'), address('192.0.2.9'))).toBeGreaterThan(0);
  expect(compareAddresses(address('10.0.0.200'), address('192.0.2.1'))).toBeLessThan(0);
  expect(compareAddresses(address('1.0.0.0'), address('0.255.255.255'))).toBeGreaterThan(0);
  expect(compareAddresses(address('fe80::80'), address('fe80::7f'))).toBeGreaterThan(0);
  expect(compareAddresses(address('fe80::1'), address('fe80::1'))).toBe(0);
});

test('addresses of two families have no order', () => {
  expect(() => compareAddresses(address('192.0.2.1'), address('fe80::1'))).toThrow(RangeError);
});

test('link-local is fe80::/10, all of it and nothing else', () => {
  expect(['fe80::1', 'febf:ffff::'].map((text) => isLinkLocal(address(text)))).toEqual([true, true]);
  expect(['fe7f::', 'fec0::', 'ff02::12', '::fe80'].map((text) => isLinkLocal(address(text)))).toEqual([
    false,
    false,
    false,
    false,
  ]);
});

test('bytes of any other length are no address', () => {
  expect(familyOf(new Uint8Array(5))).toBeUndefined();
  expect(() => formatAddress(new Uint8Array(5))).toThrow(RangeError);
});
