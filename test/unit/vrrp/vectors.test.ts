import {
  addressAt,
  addressCount,
  decodeAdvertisement,
  encodeAdvertisement,
  formatAddress,
  type ReceivedEnvelope,
} from '@tiebreak/shared/vrrp';
import { describe, expect, test } from 'vitest';
import { address, bytesOfHex } from './addresses.ts';
import vectors from './vectors.json' with { type: 'json' };

/** What a message that passes every check says; the others are in their own tests below. */
const ADDRESSES: Record<string, string[]> = {
  'gopacket v2': ['192.168.0.1'],
  'holo v2': ['10.0.1.5'],
  'holo v3 IPv4 prio20 (rebuilt from JSON)': ['10.0.1.5', '10.0.1.6'],
  // In an order that RFC 9568 section 5.2.9 forbids.
  'holo v3 IPv6 prio20 (rebuilt from JSON)': ['2001:db8::370:7334', '2001:db8::370:7335'],
  'ze G1 v2': ['192.0.2.1', '192.0.2.2'],
  'ze G2 v3 IPv4 message-only': ['192.0.2.1', '192.0.2.2'],
};
const IPV6 = 'holo v3 IPv6 prio20 (rebuilt from JSON)';
const UNKNOWN_SOURCE = 'holo v3 IPv6 (passthrough)';

function vector(name: string) {
  const found = vectors.adverts.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return found;
}

function envelopeOf(each: { src: string | null; dst: string | null }): ReceivedEnvelope {
  const source = address(each.src ?? 'fe80::1');
  const destination = address(each.dst ?? 'ff02::12');
  return { family: source.length === 4 ? 'ipv4' : 'ipv6', source, destination, hopLimit: 255 };
}

test('every golden message is used', () => {
  const used = [...Object.keys(ADDRESSES), UNKNOWN_SOURCE];
  expect(vectors.adverts.map((each) => each.name).sort()).toEqual(used.sort());
});

describe('a message of another implementation decodes to what that implementation meant', () => {
  test.each(Object.entries(ADDRESSES))('%s', (name, addresses) => {
    const golden = vector(name);
    const message = bytesOfHex(golden.vrrp_hex);
    const decoded = decodeAdvertisement(message, envelopeOf(golden));
    if (!decoded.ok) expect.fail(decoded.reason);

    const { advertisement, checksumForm } = decoded;
    expect(checksumForm).toBe(golden.verifies_message_only ? 'message' : 'pseudo-header');
    expect(advertisement).toMatchObject({
      version: golden.version,
      virtualRouterId: golden.vrid,
      priority: golden.priority,
      ...(golden.interval_unit === 's'
        ? { intervalS: golden.interval, authType: golden.auth_type, authData: new Uint8Array(8) }
        : { intervalCs: golden.interval }),
    });
    expect(addressCount(advertisement)).toBe(golden.count);
    expect(addresses.map((_, index) => formatAddress(addressAt(advertisement, index)))).toEqual(addresses);
    expect(encodeAdvertisement(advertisement, { ...envelopeOf(golden), checksumForm })).toEqual(message);
  });
});

test('a golden IPv6 message of another source fails its checksum', () => {
  const golden = vector(IPV6);
  const elsewhere = { ...envelopeOf(golden), source: address('fe80::2') };
  expect(decodeAdvertisement(bytesOfHex(golden.vrrp_hex), elsewhere)).toEqual({ ok: false, reason: 'bad-checksum' });
});

test('an IPv6 checksum does not verify without the source it was made for', () => {
  const golden = vector(UNKNOWN_SOURCE);
  const decoded = decodeAdvertisement(bytesOfHex(golden.vrrp_hex), envelopeOf(golden));
  expect(decoded).toEqual({ ok: false, reason: 'bad-checksum' });
});

describe('a message with a keepalived auth_hmac trailer', () => {
  test.each(vectors.auth_hmac)('$name', (golden) => {
    const bytes = bytesOfHex(golden.hex);
    const envelope = envelopeOf({ src: golden.src, dst: '224.0.0.18' });
    expect(decodeAdvertisement(bytes, envelope)).toEqual({ ok: false, reason: 'trailing-bytes' });
    expect(decodeAdvertisement(bytes.subarray(0, golden.message_len), envelope)).toMatchObject({
      ok: true,
      checksumForm: 'message',
      advertisement: { version: 3, virtualRouterId: 51, priority: 200, intervalCs: 100 },
    });
  });
});
