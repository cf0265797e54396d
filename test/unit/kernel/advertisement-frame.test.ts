import { expect, it } from 'vitest';
import { advertisementFrame } from '../../../agent/kernel/frames.ts';

const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
const hex = (frame: Uint8Array): string => Buffer.from(frame).toString('hex');
const message = bytes('3121c80100190000' + '0a4d0064');

it('over IPv4 goes to 01:00:5e:00:00:12 from the virtual MAC, with TTL 255 and a header that adds up', () => {
  const frame = advertisementFrame({
    mac: bytes('00005e000121'),
    source: bytes('0a4d000b'),
    destination: bytes('e0000012'),
    message,
  });
  expect(hex(frame.subarray(0, 14))).toBe('01005e000012' + '00005e000121' + '0800');
  const header = Buffer.from(frame.subarray(14, 34));
  expect(hex(header)).toMatch(/^45c0002000000000ff70....0a4d000be0000012$/);
  let sum = 0;
  for (let offset = 0; offset < header.length; offset += 2) sum += header.readUInt16BE(offset);
  expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
  expect(hex(frame.subarray(34))).toBe(hex(message));
});

it('over IPv6 goes to 33:33:00:00:00:12 from the virtual MAC, with hop limit 255', () => {
  const source = 'fe80000000000000000000000000000b';
  const destination = 'ff020000000000000000000000000012';
  const mac = bytes('00005e000221');
  const frame = advertisementFrame({ mac, source: bytes(source), destination: bytes(destination), message });
  expect(hex(frame.subarray(0, 14))).toBe('333300000012' + '00005e000221' + '86dd');
  expect(hex(frame.subarray(14))).toBe(`6c000000000c70ff${source}${destination}${hex(message)}`);
});

it('takes the low 23 bits of an IPv4 group (RFC 1112 section 6.4)', () => {
  const frame = advertisementFrame({
    mac: bytes('00005e000121'),
    source: bytes('0a4d000b'),
    destination: bytes('e0ff0102'),
    message,
  });
  expect(hex(frame.subarray(0, 6))).toBe('01005e7f0102');
});
