import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeRequest, text } from '../../../agent/kernel/netlink-message.ts';
import { decodeNetworkChanges } from '../../../agent/kernel/network-change.ts';
import { encodeNewAddress } from '../../../agent/kernel/rtnetlink-address.ts';

const ADDRESS = {
  interfaceIndex: 5,
  family: 'ipv4',
  address: Uint8Array.of(192, 0, 2, 100),
  prefixLength: 24,
} as const;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const UP_AND_RUNNING = 0x10041;
const UP_WITHOUT_CARRIER = 0x1;

const message = (type: number, body: Uint8Array, attributes: { type: number; value: Uint8Array }[]) =>
  encodeRequest({ type, flags: 0, sequence: 0, body, attributes });

function linkMessage(type: number, flags: number, family = 0): Uint8Array {
  const body = new Uint8Array(16);
  body[0] = family;
  new DataView(body.buffer).setInt32(4, 5, true);
  new DataView(body.buffer).setUint32(8, flags, true);
  return message(type, body, [
    { type: IFLA_IFNAME, value: text('eth0') },
    { type: IFLA_ADDRESS, value: Uint8Array.of(2, 0, 0, 0, 0, 1) },
  ]);
}

test('links come, lose their carrier and go; addresses come and go', () => {
  const { body, attributes } = encodeNewAddress(ADDRESS);
  const datagram = Uint8Array.of(
    ...linkMessage(16, UP_AND_RUNNING),
    ...linkMessage(16, UP_WITHOUT_CARRIER),
    ...linkMessage(17, 0),
    ...message(20, body, attributes),
    ...message(21, body, attributes),
  );
  const changes = decodeNetworkChanges(datagram);
  // What is kept of a change must not change with the buffer that it was read from.
  datagram.fill(0xff);
  const link = { name: 'eth0', index: 5, mac: Uint8Array.of(2, 0, 0, 0, 0, 1) };
  expect(changes).toMatchObject([
    { kind: 'link', link: { ...link, up: true, carrier: true } },
    { kind: 'link', link: { ...link, up: true, carrier: false } },
    { kind: 'link-gone', link },
    { kind: 'address', address: { ...ADDRESS, ours: true } },
    { kind: 'address-gone', address: { ...ADDRESS, ours: true } },
  ]);
});

test('what a bridge says of its ports is no news of the links themselves', () => {
  const AF_BRIDGE = 7;
  expect(decodeNetworkChanges(linkMessage(17, 0, AF_BRIDGE))).toEqual([]);
});

test('no bytes make it fail, not even those that begin like a message', () => {
  const header = fc.record({
    type: fc.constantFrom(2, 3, 16, 17, 20, 21, 24),
    body: fc.uint8Array({ maxLength: 200 }),
  });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.array(header, { maxLength: 4 }), (noise, headers) => {
      decodeNetworkChanges(noise);
      const framed = headers.flatMap(({ type, body }) => [...message(type, body, [])]);
      for (const change of decodeNetworkChanges(Uint8Array.of(...framed, ...noise))) {
        if (change.kind === 'address' || change.kind === 'address-gone') {
          expect([4, 16]).toContain(change.address.address.length);
        } else {
          expect(change.link.name).toBeTypeOf('string');
        }
      }
    }),
    { numRuns: 2_000 },
  );
});
