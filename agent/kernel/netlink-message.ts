/** Netlink messages as bytes (RFC 3549 section 2.3, netlink(7)). Pure: no socket, no system call. */

export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x1;
export const NLM_F_ACK = 0x4;
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_CAPPED = 0x100;
export const NLM_F_ACK_TLVS = 0x200;
export const NLM_F_DUMP = 0x300;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;

const HEADER_BYTES = 16;
const NESTED_AND_ORDER_BITS = 0xc000;
const NLMSGERR_ATTR_MSG = 1;

export interface NetlinkRequest {
  type: number;
  flags: number;
  sequence: number;
  /** The fixed structure of the message's type, such as `struct ifaddrmsg`. */
  body: Uint8Array;
  attributes: readonly NetlinkAttribute[];
}

export interface NetlinkAttribute {
  type: number;
  value: Uint8Array;
}

export interface NetlinkMessage {
  type: number;
  flags: number;
  sequence: number;
  payload: Uint8Array;
}

function align4(length: number): number {
  return (length + 3) & ~3;
}

/** Encodes one request. Padding is zero; the kernel takes port id 0 as 'the sender of this datagram'. */
export function encodeRequest(request: NetlinkRequest): Uint8Array {
  const attributeBytes = request.attributes.reduce((sum, { value }) => sum + align4(4 + value.length), 0);
  const bytes = new Uint8Array(HEADER_BYTES + align4(request.body.length) + attributeBytes);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, request.type, true);
  view.setUint16(6, request.flags, true);
  view.setUint32(8, request.sequence, true);
  bytes.set(request.body, HEADER_BYTES);
  let offset = HEADER_BYTES + align4(request.body.length);
  for (const { type, value } of request.attributes) {
    view.setUint16(offset, 4 + value.length, true);
    view.setUint16(offset + 2, type, true);
    bytes.set(value, offset + 4);
    offset += align4(4 + value.length);
  }
  return bytes;
}

/** Encodes attributes that are nested in another one. */
export function encodeAttributes(attributes: readonly NetlinkAttribute[]): Uint8Array {
  return encodeRequest({ type: 0, flags: 0, sequence: 0, body: new Uint8Array(0), attributes }).subarray(HEADER_BYTES);
}

/** Splits one received datagram. Stops at the first header whose length does not fit what is left. */
export function decodeMessages(datagram: Uint8Array): NetlinkMessage[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  const messages: NetlinkMessage[] = [];
  let offset = 0;
  while (offset + HEADER_BYTES <= datagram.length) {
    const length = view.getUint32(offset, true);
    if (length < HEADER_BYTES || offset + length > datagram.length) break;
    messages.push({
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + 6, true),
      sequence: view.getUint32(offset + 8, true),
      payload: datagram.subarray(offset + HEADER_BYTES, offset + length),
    });
    offset += align4(length);
  }
  return messages;
}

/** Reads the attributes that start at `offset`, by type; of two of one type the last counts, as in the kernel. */
export function decodeAttributes(bytes: Uint8Array, offset = 0): Map<number, Uint8Array> {
  return new Map(decodeAttributeList(bytes, offset).map(({ type, value }) => [type, value]));
}

/** The same in their order, where one type may come several times: a list. */
export function decodeAttributeList(bytes: Uint8Array, offset = 0): NetlinkAttribute[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const attributes: NetlinkAttribute[] = [];
  let at = offset;
  while (at + 4 <= bytes.length) {
    const length = view.getUint16(at, true);
    if (length < 4 || at + length > bytes.length) break;
    const type = view.getUint16(at + 2, true) & ~NESTED_AND_ORDER_BITS;
    attributes.push({ type, value: bytes.subarray(at + 4, at + length) });
    at += align4(length);
  }
  return attributes;
}

/** The outcome in an NLMSG_ERROR or NLMSG_DONE: errno 0 is the ack; `text` is the kernel's own reason, if it gave one. */
export function decodeOutcome(message: NetlinkMessage): { errno: number; text: string | undefined } {
  const { payload, flags, type } = message;
  if (payload.length < 4) return { errno: 0, text: undefined };
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const errno = Math.abs(view.getInt32(0, true));
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno, text: undefined };
  let attributesAt = 4;
  if (type === NLMSG_ERROR) {
    // The echoed request comes first: its header alone if 'capped', else all of it.
    const echoed = payload.length >= 8 ? view.getUint32(4, true) : HEADER_BYTES;
    attributesAt += (flags & NLM_F_CAPPED) !== 0 ? HEADER_BYTES : align4(echoed);
  }
  const sentence = decodeAttributes(payload, attributesAt).get(NLMSGERR_ATTR_MSG);
  return { errno, text: sentence === undefined ? undefined : attributeText(sentence) };
}

/** A NUL-terminated string. */
export function attributeText(value: Uint8Array): string {
  const end = value.indexOf(0);
  return new TextDecoder().decode(end === -1 ? value : value.subarray(0, end));
}

/** A `u32`, or undefined if the attribute is absent or too short. */
export function attributeU32(value: Uint8Array | undefined): number | undefined {
  if (value === undefined || value.length < 4) return undefined;
  return new DataView(value.buffer, value.byteOffset, value.byteLength).getUint32(0, true);
}

/** A `u32` as an attribute's value. */
export function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

/** A NUL-terminated string as an attribute's value. */
export function text(value: string): Uint8Array {
  return new TextEncoder().encode(`${value}\0`);
}
