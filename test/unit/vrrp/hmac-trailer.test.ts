import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  advertisementV2,
  advertisementV3,
  decodeAdvertisement,
  encodeAdvertisement,
  isTrailerOf,
  makeTrailer,
  readTrailer,
  splitTrailer,
  TRAILER_BYTES,
  withTrailer,
} from '../../../shared/vrrp/index.ts';
import { address, bytesOfHex } from './addresses.ts';

const hmac = (key: Uint8Array, data: Uint8Array): Uint8Array => createHmac('sha256', key).update(data).digest();

/** keepalived's own test of its draft: an advertisement of 198.51.100.10 as it travels. */
const KEY = bytesOfHex('000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f');
const PAYLOAD = bytesOfHex('3133c80100644402c00002640101000068000000800000001b84bc4e8e43892dc6d98448f8ee2265');
const FROM = { family: 'ipv4', source: address('198.51.100.10') } as const;

describe("keepalived's trailer", () => {
  it('is read, proven and made as keepalived does', () => {
    const { message, trailer } = splitTrailer(PAYLOAD, 'ipv4');
    expect(message).toHaveLength(12);
    const read = readTrailer(trailer ?? new Uint8Array());
    if (read === undefined) throw new Error('the vector has a trailer');
    expect(read).toMatchObject({ keyId: 1, sequence: 0x68000000_8000_0000n });
    expect(isTrailerOf(read, message, FROM, KEY, hmac)).toBe(true);
    expect(makeTrailer({ keyId: 1, sequence: read.sequence }, message, FROM, KEY, hmac)).toEqual(read.bytes);
    const envelope = { ...FROM, destination: address('192.0.2.10'), hopLimit: undefined, trailer };
    expect(decodeAdvertisement(message, envelope)).toMatchObject({ ok: true, checksumForm: 'message' });
  });

  it('is void once one bit of message or trailer has changed, the checksum apart', () => {
    for (let at = 0; at < PAYLOAD.length; at += 1) {
      const { message, trailer } = splitTrailer(PAYLOAD.with(at, (PAYLOAD[at] ?? 0) ^ 1), 'ipv4');
      const read = trailer === undefined ? undefined : readTrailer(trailer);
      const proven = read !== undefined && isTrailerOf(read, message, FROM, KEY, hmac);
      expect([at, proven]).toEqual([at, at === 6 || at === 7]);
    }
  });

  it('holds for one source, family and key alone', () => {
    const { message, trailer } = splitTrailer(PAYLOAD, 'ipv4');
    const read = readTrailer(trailer ?? new Uint8Array());
    if (read === undefined) throw new Error('the vector has a trailer');
    expect(isTrailerOf(read, message, { ...FROM, source: address('198.51.100.11') }, KEY, hmac)).toBe(false);
    expect(isTrailerOf(read, message, { ...FROM, family: 'ipv6' }, KEY, hmac)).toBe(false);
    expect(isTrailerOf(read, message, FROM, KEY.with(31, 0), hmac)).toBe(false);
  });

  const router = { virtualRouterId: 33, priority: 200 };
  const ipv4 = { family: 'ipv4', source: address('192.0.2.1'), destination: address('224.0.0.18') } as const;
  const ipv6 = { family: 'ipv6', source: address('fe80::1'), destination: address('ff02::12') } as const;
  it.each([
    ['version 2', advertisementV2({ ...router, intervalS: 1, addresses: [address('192.0.2.100')] }), ipv4],
    ['version 2 without addresses', advertisementV2({ ...router, intervalS: 1, addresses: [] }), ipv4],
    [
      'version 3',
      advertisementV3({ ...router, family: 'ipv4', intervalCs: 25, addresses: [address('192.0.2.100')] }),
      ipv4,
    ],
    ['IPv6', advertisementV3({ ...router, family: 'ipv6', intervalCs: 25, addresses: [address('fe80::100')] }), ipv6],
  ])('%s: goes there and back, its checksum right', (_, advertisement, envelope) => {
    const message = encodeAdvertisement(advertisement, { ...envelope, checksumForm: 'pseudo-header' });
    const trailer = makeTrailer({ keyId: 7, sequence: 5n }, message, envelope, KEY, hmac);
    const payload = withTrailer(message, trailer, envelope);
    expect(payload).toHaveLength(message.length + TRAILER_BYTES);
    const apart = splitTrailer(payload, envelope.family);
    expect(decodeAdvertisement(apart.message, { ...envelope, hopLimit: 255, trailer: apart.trailer })).toMatchObject({
      ok: true,
      advertisement: { virtualRouterId: 33, priority: 200 },
    });
    const read = readTrailer(apart.trailer ?? new Uint8Array());
    if (read === undefined) throw new Error('there is a trailer');
    expect(isTrailerOf(read, apart.message, envelope, KEY, hmac)).toBe(true);
    // Whoever knows of no trailer refuses it as a whole.
    expect(decodeAdvertisement(payload, { ...envelope, hopLimit: 255 })).toEqual({
      ok: false,
      reason: 'trailing-bytes',
    });
  });

  it('is none of another length, type or with reserved bytes set', () => {
    const { trailer = new Uint8Array() } = splitTrailer(PAYLOAD, 'ipv4');
    expect(readTrailer(trailer.subarray(1))).toBeUndefined();
    expect(readTrailer(trailer.with(0, 2))).toBeUndefined();
    expect(readTrailer(trailer.with(3, 1))).toBeUndefined();
    for (let length = 0; length < PAYLOAD.length; length += 1) {
      expect(splitTrailer(PAYLOAD.subarray(0, length), 'ipv4').trailer).toBeUndefined();
    }
  });
});
