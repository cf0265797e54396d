import { expect, it } from 'vitest';
import { formatListenAddress, parseListenAddress } from '../../../../witness/serve/listen-address.ts';

it.each([
  ['192.0.2.10:8787', '192.0.2.10', 8787],
  ['0.0.0.0:0', '0.0.0.0', 0],
  ['[::]:443', '::', 443],
  ['[2001:db8::1]:8787', '2001:db8::1', 8787],
])('%s is an address, and is written in the same way', (text, host, port) => {
  expect(parseListenAddress(text)).toEqual({ host, port });
  expect(formatListenAddress({ host, port })).toBe(text);
});

it.each([
  '',
  '8787',
  ':8787',
  'localhost:8787',
  '192.0.2.10',
  '192.0.2.256:1',
  '[192.0.2.1]:1',
  '::1:8787',
  '[::1]:65536',
  '[::1]:-1',
  '192.0.2.1:8787 ',
])('%j is none', (text) => {
  expect(parseListenAddress(text)).toBeUndefined();
});
