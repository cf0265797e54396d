import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ipv4VrrpPacket, ipv6VrrpPacket, parseIpv4Packet } from '../../../agent/kernel/ip-packet.ts';

const source = Uint8Array.of(10, 77, 0, 1);
const destination = Uint8Array.of(224, 0, 0, 18);
const message = Uint8Array.of(0x31, 33, 200, 1, 0, 100, 0, 0, 10, 77, 0, 100);

describe('an IPv4 packet as a raw socket delivers it', () => {
  it('comes back as it was sent, with TTL 255', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (anyMessage) => {
        expect(parseIpv4Packet(ipv4VrrpPacket(source, destination, anyMessage))).toEqual({
          ok: true,
          message: anyMessage,
          source,
          destination,
          hopLimit: 255,
        });
      }),
    );
  });

  it('may have options: the message starts behind the header length, not at byte 20', () => {
    const plain = ipv4VrrpPacket(source, destination, message);
    const packet = Uint8Array.of(...plain.subarray(0, 20), 0x94, 4, 0, 0, ...message);
    packet[0] = 0x46;
    packet[3] = packet.length;
    expect(parseIpv4Packet(packet)).toMatchObject({ ok: true, message });
  });

  it('loses the padding behind its total length', () => {
    const padded = Uint8Array.of(...ipv4VrrpPacket(source, destination, message), 0, 0, 0, 0);
    expect(parseIpv4Packet(padded)).toMatchObject({ ok: true, message });
  });

  it.each([
    { what: 'shorter than a header', change: (packet: Uint8Array) => packet.subarray(0, 19), reason: 'truncated' },
    {
      what: 'shorter than its total length',
      change: (packet: Uint8Array) => packet.subarray(0, 25),
      reason: 'truncated',
    },
    { what: 'of version 6', change: (packet: Uint8Array) => packet.with(0, 0x65), reason: 'not-ipv4' },
    {
      what: 'with four words of header',
      change: (packet: Uint8Array) => packet.with(0, 0x44),
      reason: 'bad-header-length',
    },
    {
      what: 'with a header behind its total length',
      change: (packet: Uint8Array) => packet.with(0, 0x4f),
      reason: 'bad-header-length',
    },
    { what: 'of another protocol', change: (packet: Uint8Array) => packet.with(9, 17), reason: 'not-vrrp' },
  ])('is refused when it is $what', ({ change, reason }) => {
    const packet = ipv4VrrpPacket(source, destination, message);
    expect(parseIpv4Packet(change(packet))).toEqual({ ok: false, reason });
  });

  it('never makes the parser throw or read outside, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const parsed = parseIpv4Packet(bytes);
        if (parsed.ok) expect(parsed.message.length).toBeLessThanOrEqual(bytes.length - 20);
      }),
    );
  });
});

describe('an IPv6 packet', () => {
  it('has hop limit 255, next header 112, CS6 and the length of the message', () => {
    const link = Uint8Array.from(Buffer.from('fe8000000000000000000000000000aa', 'hex'));
    const group = Uint8Array.from(Buffer.from('ff020000000000000000000000000012', 'hex'));
    const packet = Buffer.from(ipv6VrrpPacket(link, group, message)).toString('hex');
    expect(packet).toBe(
      `6c000000${'000c'}70ff${Buffer.from(link).toString('hex')}${Buffer.from(group).toString('hex')}${Buffer.from(message).toString('hex')}`,
    );
  });
});
