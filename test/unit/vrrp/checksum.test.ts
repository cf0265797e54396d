import { expect, test } from 'vitest';
import { checksumOf, fold, sumOfPseudoHeader, sumOfWords } from '../../../shared/vrrp/checksum.ts';

const RFC_1071_EXAMPLE = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);

test('the example of RFC 1071 section 3 adds up to ddf2', () => {
  expect(fold(sumOfWords(RFC_1071_EXAMPLE))).toBe(0xddf2);
  expect(checksumOf(sumOfWords(RFC_1071_EXAMPLE))).toBe(0x220d);
});

test('an odd last byte counts as if a zero followed', () => {
  expect(sumOfWords(Uint8Array.of(0x12, 0x34, 0x56))).toBe(0x1234 + 0x5600);
});

test('the carry of folding is folded again', () => {
  expect(fold(0xffff_ffff)).toBe(0xffff);
  expect(fold(0x1_ffff)).toBe(1);
});

test('the longest possible message neither overflows nor loses a carry', () => {
  const longest = new Uint8Array(8 + 255 * 16).fill(0xff);
  expect(sumOfWords(longest)).toBe((longest.length / 2) * 0xffff);
  expect(fold(sumOfWords(longest))).toBe(0xffff);
});

test('the pseudo-header is the bytes of RFC 8200 section 8.1, whichever the family', () => {
  const source = Uint8Array.from({ length: 16 }, (_, index) => 3 * index + 1);
  const destination = Uint8Array.from({ length: 16 }, (_, index) => 255 - index);
  const ipv6 = Uint8Array.of(...source, ...destination, 0, 0, 0x0f, 0xf8, 0, 0, 0, 112);
  expect(sumOfPseudoHeader(source, destination, 0x0ff8)).toBe(sumOfWords(ipv6));

  const ipv4 = Uint8Array.of(192, 0, 2, 1, 224, 0, 0, 18, 0, 112, 0, 16);
  expect(sumOfPseudoHeader(ipv4.subarray(0, 4), ipv4.subarray(4, 8), 16)).toBe(sumOfWords(ipv4));
});
