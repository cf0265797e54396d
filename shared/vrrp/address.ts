/** IPv4 and IPv6 addresses: four or sixteen bytes in network order, and their text (RFC 5952). */
export type AddressFamily = 'ipv4' | 'ipv6';

const IPV6_BYTES = 16;
const IPV6_GROUPS = 8;
const DECIMAL_BYTE = /^(?:0|[1-9]\d{0,2})$/;
const HEX_GROUP = /^[0-9a-fA-F]{1,4}$/;
/** Longest text of an address: six full groups and a dotted quad. */
const TEXT_LENGTH_MAX = 45;

/** Bytes of one address: 4 or 16. */
export function addressBytes(family: AddressFamily): 4 | 16 {
  return family === 'ipv4' ? 4 : IPV6_BYTES;
}

/** The family of an address, told by its length; `undefined` if it is no address. */
export function familyOf(address: Uint8Array): AddressFamily | undefined {
  return address.length === 4 ? 'ipv4' : address.length === IPV6_BYTES ? 'ipv6' : undefined;
}

/**
 * The order of two addresses of one family as unsigned integers in network order (the tie-break of RFC 9568 section
 * 6.4.3): negative, zero or positive. Throws RangeError when the families differ: there is no such order.
 */
export function compareAddresses(left: Uint8Array, right: Uint8Array): number {
  if (left.length !== right.length) throw new RangeError('addresses of two families have no order');
  for (let index = 0; index < left.length; index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether the IPv6 address that starts at `offset` lies in fe80::/10. */
export function isLinkLocal(bytes: Uint8Array, offset = 0): boolean {
  return bytes[offset] === 0xfe && ((bytes[offset + 1] ?? 0) & 0xc0) === 0x80;
}

/** The canonical text of an address. Throws RangeError unless it has 4 or 16 bytes. */
export function formatAddress(address: Uint8Array): string {
  switch (familyOf(address)) {
    case 'ipv4':
      return address.join('.');
    case 'ipv6':
      return formatIpv6(address);
    default:
      throw new RangeError(`an address has 4 or 16 bytes, not ${address.length}`);
  }
}

/**
 * The bytes of an IPv4 or IPv6 address; `undefined` if `text` is none. Strict: no zone, no prefix length, no leading
 * zeros in a dotted quad (some readers take those for octal).
 */
export function parseAddress(text: string): Uint8Array | undefined {
  if (text.length > TEXT_LENGTH_MAX) return undefined;
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text);
}

function formatIpv6(address: Uint8Array): string {
  // RFC 5952 section 5: an IPv4-mapped address shows its IPv4 part.
  const mapped = address.subarray(0, 10).every((byte) => byte === 0) && address[10] === 0xff && address[11] === 0xff;
  if (mapped) return `::ffff:${address.subarray(12).join('.')}`;

  const groups: string[] = [];
  for (let offset = 0; offset < IPV6_BYTES; offset += 2) {
    groups.push((((address[offset] ?? 0) << 8) | (address[offset + 1] ?? 0)).toString(16));
  }
  const gap = longestZeroRun(groups);
  if (gap === undefined) return groups.join(':');
  return `${groups.slice(0, gap.start).join(':')}::${groups.slice(gap.start + gap.length).join(':')}`;
}

/** RFC 5952 section 4.2: the longest run of two zero groups or more, the first one among equals. */
function longestZeroRun(groups: readonly string[]): { start: number; length: number } | undefined {
  let longest: { start: number; length: number } | undefined;
  let start = 0;
  for (let index = 0; index <= groups.length; index++) {
    if (groups[index] === '0') continue;
    const length = index - start;
    if (length >= 2 && length > (longest?.length ?? 0)) longest = { start, length };
    start = index + 1;
  }
  return longest;
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.');
  if (parts.length !== 4) return undefined;
  const address = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!DECIMAL_BYTE.test(part) || Number(part) > 255) return undefined;
    address[index] = Number(part);
  }
  return address;
}

function parseIpv6(text: string): Uint8Array | undefined {
  const [headText = '', tailText, ...more] = text.split('::');
  if (more.length > 0) return undefined;
  const head = parseGroups(headText, tailText === undefined);
  const tail = tailText === undefined ? [] : parseGroups(tailText, true);
  if (head === undefined || tail === undefined) return undefined;

  const given = head.length + tail.length;
  // '::' stands for one group at least (RFC 4291 section 2.2).
  if (tailText === undefined ? given !== IPV6_GROUPS : given >= IPV6_GROUPS) return undefined;
  const groups = [...head, ...new Array<number>(IPV6_GROUPS - given).fill(0), ...tail];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** The 16-bit groups of one side of '::'; the last side may end in a dotted quad. */
function parseGroups(text: string, mayEndInQuad: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (HEX_GROUP.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const quad = mayEndInQuad && index === parts.length - 1 ? parseIpv4(part) : undefined;
    if (quad === undefined) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = quad;
    groups.push((a << 8) | b, (c << 8) | d);
  }
  return groups;
}
