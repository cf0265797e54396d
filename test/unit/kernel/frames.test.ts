import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  arpRequestFrame,
  gratuitousArpFrame,
  neighbourSolicitationFrame,
  unsolicitedNeighbourAdvertisementFrame,
} from '../../../agent/kernel/frames.ts';

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

describe('questions', () => {
  it('an ARP request asks everybody, from the own address, and claims nothing of the target', () => {
    const source = Uint8Array.of(192, 0, 2, 1);
    const frame = arpRequestFrame({ mac, source, target: Uint8Array.of(192, 0, 2, 254) });
    expect(hex(frame)).toBe(
      'ffffffffffff02000000000a0806' + '0001080006040001' + '02000000000ac0000201' + '000000000000c00002fe',
    );
  });

  it('a neighbour solicitation asks the solicited-node group and names its MAC address', () => {
    const address = (last: number) => Uint8Array.of(0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xaa, 0, last);
    const frame = neighbourSolicitationFrame({ mac, source: address(1), target: address(0xfe) });
    expect(hex(frame.subarray(0, 14))).toBe('3333ffaa00fe02000000000a86dd');
    expect(hex(frame.subarray(22, 38))).toBe(hex(address(1)));
    expect(hex(frame.subarray(38, 54))).toBe('ff0200000000000000000001ffaa00fe');
    expect(hex(frame.subarray(54, 56))).toBe('8700');
    expect(hex(frame.subarray(62))).toBe(`${hex(address(0xfe))}010102000000000a`);
  });
});
