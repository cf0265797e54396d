import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gratuitousArpFrame, unsolicitedNeighbourAdvertisementFrame } from '../../../agent/kernel/frames.ts';

const mac = Uint8Array.of(0x02, 0, 0, 0, 0, 0x0a);
const hex = (frame: Uint8Array) => Buffer.from(frame).toString('hex');
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });

describe('gratuitous ARP', () => {
  it('is the frame that keepalived sends', () => {
    const ethernet = 'ffffffffffff' + '02000000000a' + '0806';
    const arp = '0001' + '0800' + '06' + '04' + '0001';
    const sender = '02000000000a' + '0a4d0064';
    const target = 'ffffffffffff' + '0a4d0064';
    expect(hex(gratuitousArpFrame({ mac, address: Uint8Array.of(10, 77, 0, 100) }))).toBe(
      ethernet + arp + sender + target,
    );
  });

  it('refuses an address of another size, which would shift every field behind it', () => {
    expect(() => gratuitousArpFrame({ mac, address: new Uint8Array(16) })).toThrow(RangeError);
    expect(() => gratuitousArpFrame({ mac: new Uint8Array(8), address: new Uint8Array(4) })).toThrow(RangeError);
  });
});

describe('unsolicited neighbour advertisement', () => {
  const address = Uint8Array.from(Buffer.from('fd770000000000000000000000000100', 'hex'));

  it('has hop limit 255, R, O and the target link-layer address (RFC 4861 section 4.4)', () => {
    const frame = hex(unsolicitedNeighbourAdvertisementFrame({ mac, address, router: true }));
    const ethernet = '333300000001' + '02000000000a' + '86dd';
    const ipv6 = `60000000${'0020'}3aff${hex(address)}ff020000000000000000000000000001`;
    expect(frame.slice(0, 108)).toBe(ethernet + ipv6);
    expect(frame.slice(108, 112)).toBe('8800');
    expect(frame.slice(116)).toBe(`a0000000${hex(address)}020102000000000a`);
  });

  it('clears R, and only R, for an address that is no router', () => {
    const flags = (router: boolean) => unsolicitedNeighbourAdvertisementFrame({ mac, address, router })[58];
    expect([flags(true), flags(false)]).toEqual([0xa0, 0x20]);
  });

  it('carries a checksum that adds up to all ones with the pseudo-header (RFC 4443 section 2.3)', () => {
    fc.assert(
      fc.property(bytes(6), bytes(16), fc.boolean(), (anyMac, anyAddress, router) => {
        const frame = unsolicitedNeighbourAdvertisementFrame({ mac: anyMac, address: anyAddress, router });
        // Source, destination, payload length, next header, then the message itself.
        const words = Buffer.concat([
          frame.subarray(22, 54),
          frame.subarray(18, 20),
          Buffer.of(0, 58),
          frame.subarray(54),
        ]);
        let sum = 0;
        for (let offset = 0; offset < words.length; offset += 2) sum += words.readUInt16BE(offset);
        expect((sum & 0xffff) + (sum >>> 16)).toBe(0xffff);
      }),
    );
  });
});
