import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  advertisementClaimFilter,
  arpClaimFilter,
  claimOfAdvertisement,
  claimOfArp,
} from '../../../agent/kernel/claim-filter.ts';
import { gratuitousArpFrame, unsolicitedNeighbourAdvertisementFrame } from '../../../agent/kernel/frames.ts';
import { runFilter } from './run-filter.ts';

const OWN = Uint8Array.of(2, 0, 0, 0, 0, 0x0a);
const FOREIGN = Uint8Array.of(2, 0, 0, 0, 0, 0x0b);
const IPV4 = [Uint8Array.of(192, 0, 2, 100), Uint8Array.of(203, 0, 113, 7)];
const IPV6 = [100, 101].map((last) => Uint8Array.of(0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last));

describe('ARP', () => {
  const filter = arpClaimFilter(IPV4, OWN);

  test('with one of our addresses as sender passes, of either operation, and says who claims it', () => {
    for (const address of IPV4) {
      for (const operation of [1, 2]) {
        const frame = gratuitousArpFrame({ mac: FOREIGN, address });
        frame[21] = operation;
        expect(runFilter(filter, frame)).toBeGreaterThanOrEqual(frame.length);
        expect(claimOfArp(frame)).toEqual({ address, mac: FOREIGN });
      }
    }
  });

  test('from ourselves, about another address, or cut short is dropped', () => {
    const address = IPV4[0] ?? new Uint8Array(4);
    expect(runFilter(filter, gratuitousArpFrame({ mac: OWN, address }))).toBe(0);
    expect(runFilter(filter, gratuitousArpFrame({ mac: FOREIGN, address: Uint8Array.of(192, 0, 2, 101) }))).toBe(0);
    expect(runFilter(filter, gratuitousArpFrame({ mac: FOREIGN, address }).subarray(0, 30))).toBe(0);
  });
});

describe('neighbour advertisements', () => {
  const filter = advertisementClaimFilter(IPV6, OWN);
  const frameOf = (mac: Uint8Array, address: Uint8Array) =>
    unsolicitedNeighbourAdvertisementFrame({ mac, address, router: false });

  test('with one of our addresses as target pass, and say who claims it', () => {
    for (const address of IPV6) {
      const frame = frameOf(FOREIGN, address);
      expect(runFilter(filter, frame)).toBeGreaterThanOrEqual(frame.length);
      expect(claimOfAdvertisement(frame)).toEqual({ address, mac: FOREIGN });
      expect(claimOfAdvertisement(frame.subarray(0, 78))).toEqual({ address, mac: FOREIGN });
    }
  });

  test('from ourselves, about another address, and other packets are dropped', () => {
    const [address = new Uint8Array(16)] = IPV6;
    expect(runFilter(filter, frameOf(OWN, address))).toBe(0);
    expect(runFilter(filter, frameOf(FOREIGN, address.with(15, 99)))).toBe(0);
    expect(runFilter(filter, frameOf(FOREIGN, address.with(0, 0xfe)))).toBe(0);
    expect(runFilter(filter, frameOf(FOREIGN, address).with(54, 135))).toBe(0);
    expect(runFilter(filter, frameOf(FOREIGN, address).with(20, 17))).toBe(0);
  });
});

test('as many addresses as a virtual router can have (255) fit in a program of 4096 instructions', () => {
  const many = Array.from({ length: 255 }, (_, last) => Uint8Array.of(0xfd, ...new Uint8Array(14), last));
  const filter = advertisementClaimFilter(many, OWN);
  expect(filter.length / 8).toBeLessThanOrEqual(4096);
  for (const address of many) {
    const frame = unsolicitedNeighbourAdvertisementFrame({ mac: FOREIGN, address, router: true });
    expect(runFilter(filter, frame)).toBeGreaterThan(0);
  }
});

test('no bytes make the filters or the decoders fail', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (frame) => {
      runFilter(arpClaimFilter(IPV4, OWN), frame);
      runFilter(advertisementClaimFilter(IPV6, OWN), frame);
      for (const claim of [claimOfArp(frame), claimOfAdvertisement(frame)]) {
        if (claim !== undefined) expect(claim.mac).toHaveLength(6);
      }
    }),
  );
});
