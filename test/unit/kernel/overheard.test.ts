import { expect, it } from 'vitest';
import { readFrame, vrrpFilter } from '../../../agent/kernel/advertisement-listener.ts';
import { ipv4VrrpPacket, ipv6VrrpPacket } from '../../../agent/kernel/ip-packet.ts';
import { encodeAttributes, text } from '../../../agent/kernel/netlink-message.ts';
import { decodeDiscipline, decodeXdp } from '../../../agent/kernel/packet-programs.ts';
import { runFilter } from './run-filter.ts';

const MESSAGE = Uint8Array.of(0x31, 33, 100, 1, 0, 25, 0, 0);
const IPV4 = ipv4VrrpPacket(Uint8Array.of(192, 0, 2, 1), Uint8Array.of(224, 0, 0, 18), MESSAGE);
const IPV6 = ipv6VrrpPacket(new Uint8Array(16).fill(1), new Uint8Array(16).fill(2), MESSAGE);

function frame(etherType: number, packet: Uint8Array, padding = 0): Uint8Array {
  const bytes = new Uint8Array(14 + packet.length + padding);
  bytes.set([1, 0, 0x5e, 0, 0, 0x12, 2, 0, 0, 0, 0, 0x0b, etherType >> 8, etherType & 0xff]);
  bytes.set(packet, 14);
  return bytes;
}

it('the kernel lets through VRRP of one family, and nothing else', () => {
  const udp = IPV4.slice();
  udp[9] = 17;
  expect(runFilter(vrrpFilter('ipv4'), frame(0x0800, IPV4))).toBeGreaterThan(0);
  expect(runFilter(vrrpFilter('ipv4'), frame(0x0800, udp))).toBe(0);
  expect(runFilter(vrrpFilter('ipv4'), frame(0x86dd, IPV6))).toBe(0);
  expect(runFilter(vrrpFilter('ipv6'), frame(0x86dd, IPV6))).toBeGreaterThan(0);
  expect(runFilter(vrrpFilter('ipv6'), frame(0x0800, IPV4))).toBe(0);
});

it('a frame is read without its padding', () => {
  const read = readFrame(frame(0x0800, IPV4, 18), 'ipv4');
  expect(read).toEqual({
    sourceMac: Uint8Array.of(2, 0, 0, 0, 0, 0x0b),
    source: Uint8Array.of(192, 0, 2, 1),
    destination: Uint8Array.of(224, 0, 0, 18),
    hopLimit: 255,
    message: MESSAGE,
  });
  expect(readFrame(frame(0x86dd, IPV6, 18), 'ipv6')).toMatchObject({ hopLimit: 255, message: MESSAGE });
});

it('a frame that is cut short is nothing', () => {
  for (const [family, whole] of [
    ['ipv4', frame(0x0800, IPV4)],
    ['ipv6', frame(0x86dd, IPV6)],
  ] as const) {
    for (let length = 0; length < whole.length; length += 1) {
      expect(readFrame(whole.slice(0, length), family)).toBeUndefined();
    }
  }
});

it('an XDP program and a traffic control hook are seen in their dumps', () => {
  const link = (attached: number): Uint8Array => {
    const header = new Uint8Array(16);
    new DataView(header.buffer).setInt32(4, 7, true);
    const nested = encodeAttributes([{ type: 2, value: Uint8Array.of(attached) }]);
    return Uint8Array.of(...header, ...encodeAttributes([{ type: 43, value: nested }]));
  };
  expect(decodeXdp(link(1))).toEqual({ interfaceIndex: 7, kind: 'xdp' });
  expect(decodeXdp(link(0))).toBeUndefined();
  expect(decodeXdp(new Uint8Array(3))).toBeUndefined();
  const discipline = (kind: string): Uint8Array => {
    const header = new Uint8Array(20);
    new DataView(header.buffer).setInt32(4, 9, true);
    return Uint8Array.of(...header, ...encodeAttributes([{ type: 1, value: text(kind) }]));
  };
  expect(decodeDiscipline(discipline('clsact'))).toEqual({ interfaceIndex: 9, kind: 'clsact' });
  expect(decodeDiscipline(discipline('fq_codel'))).toBeUndefined();
  expect(decodeDiscipline(new Uint8Array(19))).toBeUndefined();
});
