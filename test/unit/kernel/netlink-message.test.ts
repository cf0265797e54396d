import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  attributeText,
  decodeAttributes,
  decodeMessages,
  decodeOutcome,
  encodeAttributes,
  encodeRequest,
  NLM_F_ACK_TLVS,
  NLM_F_CAPPED,
  NLMSG_ERROR,
  text,
  u32,
} from '../../../agent/kernel/netlink-message.ts';

const attribute = fc.record({ type: fc.integer({ min: 0, max: 0x3fff }), value: fc.uint8Array({ maxLength: 40 }) });

describe('netlink messages', () => {
  it('come back as they were sent, one after the other in a datagram', () => {
    const request = fc.record({
      type: fc.nat(0xffff),
      flags: fc.nat(0xffff),
      sequence: fc.nat(0xffffffff),
      body: fc.uint8Array({ maxLength: 32 }).map((bytes) => new Uint8Array(bytes.length & ~3)),
      attributes: fc.uniqueArray(attribute, { selector: ({ type }) => type, maxLength: 5 }),
    });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 4 }), (requests) => {
        const decoded = decodeMessages(Buffer.concat(requests.map(encodeRequest)));
        expect(decoded.map(({ type, flags, sequence }) => ({ type, flags, sequence }))).toEqual(
          requests.map(({ type, flags, sequence }) => ({ type, flags, sequence })),
        );
        for (const [index, { body, attributes }] of requests.entries()) {
          const payload = decoded[index]?.payload ?? new Uint8Array(0);
          const found = decodeAttributes(payload, body.length);
          expect([...found].map(([type, value]) => ({ type, value: [...value] }))).toEqual(
            attributes.map(({ type, value }) => ({ type, value: [...value] })),
          );
        }
      }),
    );
  });

  it('each start at a multiple of four, as the kernel insists', () => {
    const bytes = encodeRequest({
      type: 20,
      flags: 5,
      sequence: 7,
      body: new Uint8Array(8),
      attributes: [
        { type: 3, value: text('eth0:vip') },
        { type: 8, value: u32(2) },
      ],
    });
    // 16 of header, 8 of body, 4 + 9 padded to 16, 4 + 4.
    expect(bytes.length).toBe(48);
    expect([...bytes.subarray(40)]).toEqual([8, 0, 8, 0, 2, 0, 0, 0]);
  });

  it('never make the decoders throw or loop, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
        for (const message of decodeMessages(bytes)) decodeOutcome({ ...message, flags: 0x300 });
        decodeAttributes(bytes);
      }),
    );
  });
});

describe('the outcome of a request', () => {
  const reason = encodeAttributes([{ type: 1, value: text('Device not found') }]);

  function verdict(errno: number, flags: number, echoed: Uint8Array, attributes: Uint8Array) {
    const code = new Uint8Array(4);
    new DataView(code.buffer).setInt32(0, -errno, true);
    return { type: NLMSG_ERROR, flags, sequence: 1, payload: Buffer.concat([code, echoed, attributes]) };
  }
  const request = encodeRequest({ type: 20, flags: 5, sequence: 1, body: new Uint8Array(8), attributes: [] });

  it('is errno 0 for an ack', () => {
    expect(decodeOutcome(verdict(0, NLM_F_CAPPED, request.subarray(0, 16), new Uint8Array(0)))).toEqual({
      errno: 0,
      text: undefined,
    });
  });

  it("has the kernel's sentence, behind a capped request and behind a whole one", () => {
    const capped = verdict(19, NLM_F_CAPPED | NLM_F_ACK_TLVS, request.subarray(0, 16), reason);
    const whole = verdict(19, NLM_F_ACK_TLVS, request, reason);
    expect(decodeOutcome(capped)).toEqual({ errno: 19, text: 'Device not found' });
    expect(decodeOutcome(whole)).toEqual({ errno: 19, text: 'Device not found' });
  });

  it('text ends at the NUL', () => {
    expect(attributeText(text('eth0'))).toBe('eth0');
    expect(attributeText(Buffer.from('eth0'))).toBe('eth0');
  });
});
