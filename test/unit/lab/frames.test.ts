import { describe, expect, test } from 'vitest';
import { arpRequest, type Census, directEcho, ECHO_ID, echoRequest, observe } from '../../lab/frames.ts';

const MAC_A = '02:77:00:00:00:0a';
const CENSUS: Census = {
  probeMac: '02:77:00:00:00:99',
  probeAddress: '10.77.0.99',
  virtualAddress: '10.77.0.100',
  stations: new Map([[MAC_A, 'a']]),
};

/** What the owner sends back: the ends exchanged, the type made a reply. */
function replied(frame: Buffer, from: string): Buffer {
  const reply = Buffer.from(frame);
  reply.set(frame.subarray(6, 12), 0);
  reply.set(Buffer.from(from.replaceAll(':', ''), 'hex'), 6);
  if (reply.readUInt16BE(12) === 0x0806) {
    reply.writeUInt16BE(2, 20);
    reply.set(frame.subarray(38, 42), 28);
    reply.set(frame.subarray(28, 32), 38);
  } else {
    reply.set(frame.subarray(30, 34), 26);
    reply.set(frame.subarray(26, 30), 30);
    reply.writeUInt8(0, 34);
  }
  return reply;
}

describe('probes', () => {
  test('an ARP request has the layout of RFC 826', () => {
    expect(arpRequest(CENSUS).toString('hex')).toBe(
      'ffffffffffff0277000000990806' + '0001080006040001' + '0277000000990a4d0063' + '0000000000000a4d0064',
    );
  });

  test('an echo carries checksums that add up (RFC 1071)', () => {
    const frame = directEcho(CENSUS, MAC_A, ECHO_ID.a, 70_000);
    const sum = (bytes: Buffer): number => {
      let total = 0;
      for (let at = 0; at < bytes.length; at += 2) total += bytes.readUInt16BE(at);
      while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
      return total;
    };
    expect(sum(frame.subarray(14, 34))).toBe(0xffff);
    expect(sum(frame.subarray(34))).toBe(0xffff);
    expect(frame.readUInt16BE(16)).toBe(frame.length - 14);
  });
});

describe('the record', () => {
  test('an ARP reply for the address is an answer of the host whose MAC sent it', () => {
    const frame = replied(arpRequest(CENSUS), MAC_A);
    expect(observe(frame, 5, CENSUS)).toEqual({ kind: 'answer', atUs: 5, by: 'a', via: 'arp' });
  });

  test('an echo reply names the tick of its request, beyond 16 bits', () => {
    const frame = replied(directEcho(CENSUS, MAC_A, ECHO_ID.b, 70_000), MAC_A);
    expect(observe(frame, 5, CENSUS)).toEqual({ kind: 'answer', atUs: 5, by: 'a', via: 'echo', tick: 70_000 });
  });

  test("the ordinary client's echo is told from the probes", () => {
    const ip = directEcho(CENSUS, MAC_A, 0, 0).subarray(0, 34);
    const frame = replied(Buffer.concat([ip, echoRequest(ECHO_ID.client, 9)]), MAC_A);
    expect(observe(frame, 5, CENSUS)).toEqual({ kind: 'client_answer', atUs: 5, by: 'a', tick: 9 });
  });

  test('an unknown MAC answers under its own name', () => {
    const frame = replied(arpRequest(CENSUS), '00:00:5e:00:01:21');
    expect(observe(frame, 5, CENSUS)).toMatchObject({ by: '00:00:5e:00:01:21' });
  });

  test('one frame stands for the requests of its tick', () => {
    expect(observe(directEcho(CENSUS, MAC_A, ECHO_ID.a, 3), 5, CENSUS)).toEqual({ kind: 'request', atUs: 5, tick: 3 });
    expect(observe(directEcho(CENSUS, MAC_A, ECHO_ID.b, 3), 5, CENSUS)).toBeUndefined();
    expect(observe(arpRequest(CENSUS), 5, CENSUS)).toBeUndefined();
  });

  test('gratuitous ARP is an announcement, not an answer', () => {
    const frame = replied(arpRequest(CENSUS), MAC_A);
    frame.set(frame.subarray(28, 32), 38);
    expect(observe(frame, 5, CENSUS)).toEqual({ kind: 'announcement', atUs: 5, by: 'a' });
  });

  test('an answer for another address says nothing', () => {
    const frame = replied(arpRequest({ ...CENSUS, virtualAddress: '10.77.0.101' }), MAC_A);
    expect(observe(frame, 5, CENSUS)).toBeUndefined();
  });

  test('a frame cut anywhere is no reason to fail', () => {
    const whole = replied(directEcho(CENSUS, MAC_A, ECHO_ID.a, 1), MAC_A);
    for (let length = 0; length < whole.length; length++) observe(whole.subarray(0, length), 5, CENSUS);
  });
});
