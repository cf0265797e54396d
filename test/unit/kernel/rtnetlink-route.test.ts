import { parseAddress } from '@tiebreak/shared/vrrp';
import { describe, expect, it } from 'vitest';
import { encodeRequest, u32 } from '../../../agent/kernel/netlink-message.ts';
import { decodeOurRoute, decodeRoute, encodeGetRoute, encodeNewRoute } from '../../../agent/kernel/rtnetlink-route.ts';

const RTA = { dst: 1, oif: 4, gateway: 5, prefsrc: 7, via: 18 };
const HEADER_BYTES = 16;

function bytes(text: string): Uint8Array {
  const address = parseAddress(text);
  if (address === undefined) throw new Error(`${text} is no address`);
  return address;
}

function route(family: number, attributes: { type: number; value: Uint8Array }[]): Uint8Array {
  const body = Uint8Array.of(family, 32, 0, 0, 254, 0, 0, 1, 0, 2, 0, 0);
  return encodeRequest({ type: 24, flags: 0, sequence: 1, body, attributes }).subarray(HEADER_BYTES);
}

describe('the route to an address', () => {
  it.each([
    ['198.51.100.50', 2, 32],
    ['2001:db8::50', 10, 128],
  ])('is asked for %s as a whole, with every other field zero, which strict checking wants', (text, family, length) => {
    const { body, attributes } = encodeGetRoute(bytes(text));
    expect([...body]).toEqual([family, length, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    expect(attributes).toEqual([{ type: RTA.dst, value: bytes(text) }]);
  });

  it('has a next hop, an interface and a source', () => {
    const payload = route(2, [
      { type: RTA.oif, value: u32(4) },
      { type: RTA.gateway, value: bytes('192.0.2.1') },
      { type: RTA.prefsrc, value: bytes('192.0.2.2') },
    ]);
    const found = { interfaceIndex: 4, gateway: bytes('192.0.2.1'), source: bytes('192.0.2.2') };
    expect(decodeRoute(payload)).toEqual(found);
  });

  it('may have a next hop of the other family', () => {
    const via = Uint8Array.of(10, 0, ...bytes('fe80::1'));
    const payload = route(2, [
      { type: RTA.oif, value: u32(4) },
      { type: RTA.via, value: via },
    ]);
    expect(decodeRoute(payload)).toEqual({ interfaceIndex: 4, gateway: bytes('fe80::1'), source: undefined });
  });

  it('has no next hop on the link itself, and is none without an interface', () => {
    expect(decodeRoute(route(2, [{ type: RTA.oif, value: u32(4) }]))?.gateway).toBeUndefined();
    expect(decodeRoute(route(2, []))).toBeUndefined();
    expect(decodeRoute(new Uint8Array(4))).toBeUndefined();
  });
});

describe('a route of ours', () => {
  const plain = { family: 'ipv4' as const, to: bytes('203.0.113.0'), prefixLength: 24, interfaceIndex: 4 };

  it.each([
    ['to a gateway', { ...plain, via: bytes('192.0.2.254') }],
    ['on a link', plain],
    [
      'with everything',
      { ...plain, via: bytes('192.0.2.254'), source: bytes('192.0.2.100'), metric: 50, table: 70_000 },
    ],
    ['in a table of one byte', { ...plain, table: 100 }],
    [
      'of the other family',
      { ...plain, family: 'ipv6' as const, to: bytes('2001:db8::'), prefixLength: 32, metric: 7 },
    ],
  ])('is read as it was written: %s', (_, specification) => {
    const { body, attributes } = encodeNewRoute(specification);
    const request = encodeRequest({ type: 24, flags: 0, sequence: 1, body, attributes });
    expect(decodeOurRoute(request.subarray(HEADER_BYTES))).toEqual(specification);
  });

  it('has our mark', () => {
    const { body, attributes } = encodeNewRoute(plain);
    body[5] = 4;
    const request = encodeRequest({ type: 24, flags: 0, sequence: 1, body, attributes });
    expect(decodeOurRoute(request.subarray(HEADER_BYTES))).toBeUndefined();
  });
});
