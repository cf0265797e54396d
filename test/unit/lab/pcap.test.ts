import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PcapStream } from '../../lab/pcap.ts';

function pcap(frames: readonly Buffer[], linkType = 1): Buffer {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b2c3d4, 0);
  header.writeUInt32LE(linkType, 20);
  const records = frames.map((bytes, index) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(1_795_000_000, 0);
    record.writeUInt32LE(index, 4);
    record.writeUInt32LE(bytes.length, 8);
    return Buffer.concat([record, bytes]);
  });
  return Buffer.concat([header, ...records]);
}

test('a stream in pieces of any size gives the same packets', () => {
  const frame = fc.uint8Array({ maxLength: 80 });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(50), { minLength: 1 }), (frames, cuts) => {
      const file = pcap(frames.map((bytes) => Buffer.from(bytes)));
      const stream = new PcapStream();
      const packets = [];
      for (let at = 0, turn = 0; at < file.length; turn++) {
        const size = (cuts[turn % cuts.length] ?? 0) + 1;
        packets.push(...stream.push(file.subarray(at, at + size)));
        at += size;
      }
      expect(packets.map(({ bytes }) => [...bytes])).toEqual(frames.map((bytes) => [...bytes]));
      expect(packets.map(({ atUs }) => atUs)).toEqual(frames.map((_, index) => 1_795_000_000_000_000 + index));
    }),
  );
});

test('another format is refused, not guessed at', () => {
  expect(() => new PcapStream().push(Buffer.alloc(24))).toThrow('not a pcap stream');
  expect(() => new PcapStream().push(pcap([], 113))).toThrow('Ethernet');
});
