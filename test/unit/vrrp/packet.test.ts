import {
  advertisementV2,
  advertisementV3,
  decodeAdvertisement,
  encodeAdvertisement,
  type ReceivedEnvelope,
  type RefusedMessage,
} from '@tiebreak/shared/vrrp';
import { describe, expect, test } from 'vitest';
import { address } from './addresses.ts';
import { withChecksum } from './messages.ts';

const ipv4 = {
  family: 'ipv4',
  source: address('192.0.2.1'),
  destination: address('224.0.0.18'),
  hopLimit: 255,
} as const;
const ipv6 = { family: 'ipv6', source: address('fe80::1'), destination: address('ff02::12'), hopLimit: 255 } as const;
const router = { virtualRouterId: 33, priority: 200 };

const v2 = advertisementV2({ ...router, intervalS: 1, addresses: [address('192.0.2.100'), address('192.0.2.101')] });
const v3 = advertisementV3({ ...router, family: 'ipv4', intervalCs: 300, addresses: [address('192.0.2.100')] });
const v3Ipv6 = advertisementV3({ ...router, family: 'ipv6', intervalCs: 300, addresses: [address('fe80::100')] });

const v2Message = encodeAdvertisement(v2, { ...ipv4, checksumForm: 'message' });
const v3Message = encodeAdvertisement(v3, { ...ipv4, checksumForm: 'pseudo-header' });
const v3Ipv6Message = encodeAdvertisement(v3Ipv6, { ...ipv6, checksumForm: 'pseudo-header' });

/** The message with one byte changed and its checksum made right again. */
function altered(message: Uint8Array, offset: number, value: number, envelope: ReceivedEnvelope): Uint8Array {
  return withChecksum(message.with(offset, value), envelope);
}

describe('every way in which a message can be bad has its own name', () => {
  const cases: { reason: RefusedMessage; because: string; message: Uint8Array; envelope: ReceivedEnvelope }[] = [
    { reason: 'hop-limit-not-255', because: 'hop limit 254', message: v3Message, envelope: { ...ipv4, hopLimit: 254 } },
    { reason: 'hop-limit-not-255', because: 'hop limit 0', message: v3Ipv6Message, envelope: { ...ipv6, hopLimit: 0 } },
    { reason: 'truncated', because: 'nothing', message: new Uint8Array(0), envelope: ipv4 },
    { reason: 'truncated', because: 'header cut', message: v3Message.subarray(0, 7), envelope: ipv4 },
    { reason: 'unknown-version', because: 'version 1', message: v3Message.with(0, 0x11), envelope: ipv4 },
    { reason: 'unknown-version', because: 'version 4', message: v3Message.with(0, 0x41), envelope: ipv4 },
    { reason: 'version-2-in-ipv6', because: 'version 2', message: v3Ipv6Message.with(0, 0x21), envelope: ipv6 },
    { reason: 'unknown-type', because: 'type 0', message: v3Message.with(0, 0x30), envelope: ipv4 },
    { reason: 'unknown-type', because: 'type 2', message: v2Message.with(0, 0x22), envelope: ipv4 },
    { reason: 'no-addresses', because: 'version 3', message: v3Message.with(3, 0), envelope: ipv4 },
    { reason: 'no-addresses', because: 'header alone', message: v3Message.with(3, 0).subarray(0, 8), envelope: ipv4 },
    { reason: 'trailing-bytes', because: 'version 2, no address', message: v2Message.with(3, 0), envelope: ipv4 },
    {
      reason: 'shorter-than-address-count',
      because: 'last byte cut',
      message: v3Message.subarray(0, 11),
      envelope: ipv4,
    },
    { reason: 'shorter-than-address-count', because: 'count 255', message: v3Message.with(3, 255), envelope: ipv4 },
    { reason: 'shorter-than-address-count', because: 'IPv4 in IPv6', message: v3Message, envelope: ipv6 },
    {
      reason: 'shorter-than-address-count',
      because: 'no auth data',
      message: v2Message.subarray(0, 16),
      envelope: ipv4,
    },
    { reason: 'trailing-bytes', because: 'one byte more', message: Uint8Array.of(...v3Message, 0), envelope: ipv4 },
    { reason: 'trailing-bytes', because: 'count too small', message: v2Message.with(3, 1), envelope: ipv4 },
    { reason: 'trailing-bytes', because: 'IPv6 in IPv4', message: v3Ipv6Message, envelope: ipv4 },
    { reason: 'bad-checksum', because: 'priority changed', message: v3Message.with(2, 201), envelope: ipv4 },
    { reason: 'bad-checksum', because: 'auth data changed', message: v2Message.with(23, 1), envelope: ipv4 },
    {
      reason: 'bad-checksum',
      because: 'another source',
      message: v3Message,
      envelope: { ...ipv4, source: address('192.0.2.2') },
    },
    { reason: 'bad-checksum', because: 'zero checksum', message: v3Ipv6Message.with(6, 0).with(7, 0), envelope: ipv6 },
    { reason: 'virtual-router-id-zero', because: 'version 2', message: altered(v2Message, 1, 0, ipv4), envelope: ipv4 },
    { reason: 'virtual-router-id-zero', because: 'version 3', message: altered(v3Message, 1, 0, ipv4), envelope: ipv4 },
    { reason: 'interval-zero', because: 'version 2', message: altered(v2Message, 5, 0, ipv4), envelope: ipv4 },
    {
      reason: 'interval-zero',
      because: 'version 3',
      message: altered(v3Message.with(4, 0), 5, 0, ipv4),
      envelope: ipv4,
    },
    {
      reason: 'interval-zero',
      because: 'reserved bits',
      message: altered(v3Message.with(4, 0xf0), 5, 0, ipv4),
      envelope: ipv4,
    },
    { reason: 'unknown-auth-type', because: 'type 3', message: altered(v2Message, 4, 3, ipv4), envelope: ipv4 },
    { reason: 'unknown-auth-type', because: 'type 255', message: altered(v2Message, 4, 255, ipv4), envelope: ipv4 },
  ];
  test.each(cases)('$reason: $because', ({ reason, message, envelope }) => {
    expect(decodeAdvertisement(message, envelope)).toEqual({ ok: false, reason });
  });
});

test('a first IPv6 address that is not link-local is heard, as keepalived and FRR may send it', () => {
  const message = altered(v3Ipv6Message, 8, 0x20, ipv6);
  expect(decodeAdvertisement(message, ipv6)).toMatchObject({ ok: true, advertisement: { family: 'ipv6' } });
});

test('the hop limit is not judged where the transport does not tell it', () => {
  expect(decodeAdvertisement(v3Message, { ...ipv4, hopLimit: undefined })).toMatchObject({ ok: true });
});

test('version 3 over IPv4 is accepted in both checksum forms, and says which it was', () => {
  for (const checksumForm of ['message', 'pseudo-header'] as const) {
    const message = encodeAdvertisement(v3, { ...ipv4, checksumForm });
    expect(decodeAdvertisement(message, ipv4)).toEqual({ ok: true, advertisement: v3, checksumForm });
  }
  const forms = (['message', 'pseudo-header'] as const).map((checksumForm) =>
    encodeAdvertisement(v3, { ...ipv4, checksumForm }),
  );
  expect(forms[0]).not.toEqual(forms[1]);
});

test('version 2 and IPv6 have one checksum form, whatever is asked for', () => {
  expect(encodeAdvertisement(v2, { ...ipv4, checksumForm: 'pseudo-header' })).toEqual(v2Message);
  expect(encodeAdvertisement(v3Ipv6, { ...ipv6, checksumForm: 'message' })).toEqual(v3Ipv6Message);
  expect(decodeAdvertisement(v2Message, ipv4)).toMatchObject({ ok: true, checksumForm: 'message' });
  expect(decodeAdvertisement(v3Ipv6Message, ipv6)).toMatchObject({ ok: true, checksumForm: 'pseudo-header' });
});

test('an IPv6 message without the pseudo-header in its checksum is refused', () => {
  const blank = v3Ipv6Message.with(6, 0).with(7, 0);
  expect(decodeAdvertisement(withChecksum(blank, undefined), ipv6)).toEqual({ ok: false, reason: 'bad-checksum' });
});

test('the reserved bits of version 3 are zero when sent and ignored when received (RFC 9568 section 5.2.6)', () => {
  const slowest = advertisementV3({ ...router, family: 'ipv4', intervalCs: 4095, addresses: [address('192.0.2.100')] });
  const message = encodeAdvertisement(slowest, { ...ipv4, checksumForm: 'message' });
  expect(message.subarray(4, 6)).toEqual(Uint8Array.of(0x0f, 0xff));
  const reserved = altered(message, 4, 0xff, ipv4);
  expect(decodeAdvertisement(reserved, ipv4)).toMatchObject({ ok: true, advertisement: slowest });
});

test('version 2 authentication is carried through both ways', () => {
  const authData = Uint8Array.from(Buffer.from('s3cret\0\0'));
  const secured = advertisementV2({
    ...router,
    intervalS: 3,
    authType: 1,
    authData,
    addresses: [address('192.0.2.100')],
  });
  const message = encodeAdvertisement(secured, { ...ipv4, checksumForm: 'message' });
  expect(message.subarray(-8)).toEqual(authData);
  expect(decodeAdvertisement(message, ipv4)).toEqual({ ok: true, advertisement: secured, checksumForm: 'message' });
});

test('a message that lies inside a larger buffer decodes without its surroundings', () => {
  const buffer = new Uint8Array(64).fill(0xaa);
  buffer.set(v3Message, 5);
  const decoded = decodeAdvertisement(buffer.subarray(5, 5 + v3Message.length), ipv4);
  expect(decoded).toEqual({ ok: true, advertisement: v3, checksumForm: 'pseudo-header' });
});

test('an envelope of the other family is an error of the caller', () => {
  expect(() => encodeAdvertisement(v3, { ...ipv6, checksumForm: 'message' })).toThrow(RangeError);
  expect(() => encodeAdvertisement(v3Ipv6, { ...ipv4, checksumForm: 'message' })).toThrow(RangeError);
  const mixed = { source: ipv4.source, destination: ipv6.destination, checksumForm: 'message' } as const;
  expect(() => encodeAdvertisement(v3, mixed)).toThrow(RangeError);
});

test('version 2 may advertise no address, as keepalived does where a cloud alone moves one; version 3 may not', () => {
  const none = advertisementV2({ virtualRouterId: 33, priority: 200, intervalS: 1, addresses: [] });
  const decoded = decodeAdvertisement(encodeAdvertisement(none, { ...ipv4, checksumForm: 'message' }), ipv4);
  expect(decoded).toMatchObject({ ok: true, advertisement: { priority: 200, addresses: new Uint8Array(0) } });
  expect(() =>
    advertisementV3({ family: 'ipv4', virtualRouterId: 33, priority: 200, intervalCs: 100, addresses: [] }),
  ).toThrow(RangeError);
});
