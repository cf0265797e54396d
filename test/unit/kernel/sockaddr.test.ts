import { expect, test } from 'vitest';
import { sockaddrUnix } from '../../../agent/kernel/sockaddr.ts';

test('a Unix address is its path with a zero at its end, an abstract one its name with a zero before it', () => {
  expect([...sockaddrUnix('/a')]).toEqual([1, 0, 0x2f, 0x61, 0]);
  expect([...sockaddrUnix('@a')]).toEqual([1, 0, 0, 0x61]);
});
