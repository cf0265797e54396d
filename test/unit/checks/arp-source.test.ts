import { parseAddress } from '@tiebreak/shared/vrrp';
import { expect, test } from 'vitest';
import { chooseSource } from '../../../agent/checks/arp-source.ts';
import type { InterfaceAddress } from '../../../agent/kernel/index.ts';

function bytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

function has(text: string, prefixLength: number, changes: Partial<InterfaceAddress> = {}): InterfaceAddress {
  const address = bytes(text);
  const family = address.length === 4 ? 'ipv4' : 'ipv6';
  const state = { flags: 0, tentative: false, duplicate: false, deprecated: false, ours: false };
  return { interfaceIndex: 2, family, address, prefixLength, label: undefined, ...state, ...changes };
}

test.each([
  ['the neighbour’s network first', '10.0.1.254', [has('192.0.2.1', 24), has('10.0.1.1', 23)], '10.0.1.1'],
  ['else whichever there is', '198.51.100.1', [has('192.0.2.1', 24)], '192.0.2.1'],
  ['not a virtual one, whoever has put it there', '192.0.2.254', [has('192.0.2.100', 24)], undefined],
  ['nor one with our mark', '192.0.2.254', [has('192.0.2.7', 24, { ours: true })], undefined],
  ['nor one that may be another host’s', '2001:db8::1', [has('2001:db8::2', 64, { tentative: true })], undefined],
  ['link-local for link-local', 'fe80::1', [has('2001:db8::2', 64), has('fe80::2', 64)], 'fe80::2'],
  ['of the same family', '2001:db8::1', [has('192.0.2.1', 24)], undefined],
])('%s', (_, target, addresses, source) => {
  const expected = source === undefined ? undefined : bytes(source);
  expect(chooseSource(addresses, bytes(target), [bytes('192.0.2.100')])).toEqual(expected);
});
