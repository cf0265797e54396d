import { type AddressFamily, addressBytes } from './address.ts';
import { type Advertisement, type AdvertisementV2, type AdvertisementV3, AUTH_DATA_BYTES } from './advertisement.ts';
import { type ChecksumForm, checksumOf, fold, sumOfPseudoHeader, sumOfWords } from './checksum.ts';

/*
 * The message, all fields in network order (RFC 9568 section 5.1, RFC 3768 section 5.1):
 *
 *   offset  version 3                                   version 2
 *   0       version 3 (4 bits), type 1 (4 bits)         version 2 (4 bits), type 1 (4 bits)
 *   1       virtual router id                           virtual router id
 *   2       priority                                    priority
 *   3       address count                               address count
 *   4       reserved (4 bits), max advertise            authentication type
 *   5         interval (12 bits, centiseconds)          advertisement interval (seconds)
 *   6..7    checksum                                    checksum
 *   8..     addresses, 4 or 16 bytes each               addresses, 4 bytes each
 *                                                       authentication data, 8 bytes
 *
 * The size of an address is never in the message: it follows from the IP version that carried it.
 */
const HEADER_BYTES = 8;
const VIRTUAL_ROUTER_ID_OFFSET = 1;
const CHECKSUM_OFFSET = 6;
const TYPE_ADVERTISEMENT = 1;
const HOP_LIMIT = 255;
const INTACT = 0xffff;
/** V8 keeps typed arrays up to this size in its own heap. */
const COPIED_BYTES_MAX = 64;

/** What the IP header says about a received message. The addresses have the family's size. */
export type ReceivedEnvelope = {
  readonly family: AddressFamily;
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** `undefined` where the transport does not tell, or does not promise 255 (unicast). */
  readonly hopLimit: number | undefined;
  /** What came behind the message: a checksum of IPv6 covers it too. */
  readonly trailer?: Uint8Array | undefined;
};

/** What the IP header of a message to be sent will say. */
export type SentEnvelope = {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
  /** For version 3 over IPv4 only: version 2 has one form, IPv6 the other. */
  readonly checksumForm: ChecksumForm;
};

/** Why a message is refused, in the order of the checks. After `bad-checksum` the sender meant what it sent. */
export type RefusedMessage =
  | 'hop-limit-not-255' // RFC 9568 section 7.1: it came through a router
  | 'truncated' // not even the fixed header
  | 'unknown-version'
  | 'version-2-in-ipv6' // version 2 is IPv4 only
  | 'unknown-type' // RFC 9568 section 5.2.2
  | 'no-addresses' // version 3: erratum 8299
  | 'shorter-than-address-count' // fewer bytes than its address count calls for
  | 'trailing-bytes' // more bytes than its address count calls for
  | 'bad-checksum'
  | 'virtual-router-id-zero' // RFC 9568 section 5.2.3
  | 'interval-zero' // erratum 8301: backups would time out at once
  | 'unknown-auth-type'; // RFC 3768 section 5.3.6

export type DecodedMessage =
  | { readonly ok: true; readonly advertisement: Advertisement; readonly checksumForm: ChecksumForm }
  | { readonly ok: false; readonly reason: RefusedMessage };

/**
 * Reads one VRRP message, the IP payload in the length that the IP header gives it. Never throws and trusts no field:
 * whatever is wrong comes back as a reason. The advertisement may keep views of `message`: do not reuse its buffer.
 * Whether version, interval, authentication and addresses fit the virtual router is for the caller to compare, and so is
 * whether the first IPv6 address is link-local. Erratum 8300 has one that is not refused; but keepalived and FRR advertise
 * in the order of their configuration, and not to hear an owner makes two.
 */
export function decodeAdvertisement(message: Uint8Array, envelope: ReceivedEnvelope): DecodedMessage {
  if (envelope.hopLimit !== undefined && envelope.hopLimit !== HOP_LIMIT) return refused('hop-limit-not-255');
  if (message.length < HEADER_BYTES) return refused('truncated');

  const version = byteAt(message, 0) >> 4;
  if (version !== 2 && version !== 3) return refused('unknown-version');
  if (version === 2 && envelope.family === 'ipv6') return refused('version-2-in-ipv6');
  if ((byteAt(message, 0) & 0x0f) !== TYPE_ADVERTISEMENT) return refused('unknown-type');

  const count = byteAt(message, 3);
  // In version 2 keepalived's virtual routers may have none, as where a cloud alone moves an address.
  if (count === 0 && version === 3) return refused('no-addresses');
  const addressesEnd = HEADER_BYTES + count * addressBytes(envelope.family);
  const expectedBytes = version === 2 ? addressesEnd + AUTH_DATA_BYTES : addressesEnd;
  if (message.length < expectedBytes) return refused('shorter-than-address-count');
  if (message.length > expectedBytes) return refused('trailing-bytes');

  const checksumForm = intactForm(message, version, envelope);
  if (checksumForm === undefined) return refused('bad-checksum');

  if (byteAt(message, 1) === 0) return refused('virtual-router-id-zero');
  return version === 2
    ? decodeVersion2(message, addressesEnd, checksumForm)
    : decodeVersion3(message, envelope.family, checksumForm);
}

/**
 * The virtual router id that a message shows, with nothing of it judged yet; `undefined` if it is too short to have one.
 * In every version it stands at the same place.
 */
export function virtualRouterIdOf(message: Uint8Array): number | undefined {
  return message[VIRTUAL_ROUTER_ID_OFFSET];
}

function decodeVersion2(message: Uint8Array, addressesEnd: number, checksumForm: ChecksumForm): DecodedMessage {
  const intervalS = byteAt(message, 5);
  if (intervalS === 0) return refused('interval-zero');
  const authType = byteAt(message, 4);
  if (authType !== 0 && authType !== 1 && authType !== 2) return refused('unknown-auth-type');
  const advertisement: AdvertisementV2 = {
    version: 2,
    family: 'ipv4',
    virtualRouterId: byteAt(message, 1),
    priority: byteAt(message, 2),
    intervalS,
    authType,
    authData: bytesOf(message, addressesEnd, message.length),
    addresses: bytesOf(message, HEADER_BYTES, addressesEnd),
  };
  return { ok: true, advertisement, checksumForm };
}

function decodeVersion3(message: Uint8Array, family: AddressFamily, checksumForm: ChecksumForm): DecodedMessage {
  const intervalCs = ((byteAt(message, 4) & 0x0f) << 8) | byteAt(message, 5);
  if (intervalCs === 0) return refused('interval-zero');
  const advertisement: AdvertisementV3 = {
    version: 3,
    family,
    virtualRouterId: byteAt(message, 1),
    priority: byteAt(message, 2),
    intervalCs,
    addresses: bytesOf(message, HEADER_BYTES, message.length),
  };
  return { ok: true, advertisement, checksumForm };
}

/** The form in which the checksum is right; version 3 over IPv4 may use either, `undefined` if it is wrong. */
function intactForm(message: Uint8Array, version: 2 | 3, envelope: ReceivedEnvelope): ChecksumForm | undefined {
  const trailer = envelope.family === 'ipv6' ? envelope.trailer : undefined;
  const sum = sumOfWords(message) + (trailer === undefined ? 0 : sumOfWords(trailer));
  if (version === 3) {
    const bytes = message.length + (trailer?.length ?? 0);
    const pseudoHeader = sumOfPseudoHeader(envelope.source, envelope.destination, bytes);
    if (fold(sum + pseudoHeader) === INTACT) return 'pseudo-header';
    if (envelope.family === 'ipv6') return undefined;
  }
  return fold(sum) === INTACT ? 'message' : undefined;
}

/**
 * The message for an advertisement, checksum included. Field ranges were checked when the advertisement was made;
 * throws RangeError if the envelope's addresses are not of its family.
 */
export function encodeAdvertisement(advertisement: Advertisement, envelope: SentEnvelope): Uint8Array {
  const { addresses, family } = advertisement;
  const size = addressBytes(family);
  if (envelope.source.length !== size || envelope.destination.length !== size) {
    throw new RangeError(`the envelope of an ${family} advertisement has ${family} addresses`);
  }
  const addressesEnd = HEADER_BYTES + addresses.length;
  const message = new Uint8Array(advertisement.version === 2 ? addressesEnd + AUTH_DATA_BYTES : addressesEnd);
  message[0] = (advertisement.version << 4) | TYPE_ADVERTISEMENT;
  message[1] = advertisement.virtualRouterId;
  message[2] = advertisement.priority;
  message[3] = addresses.length / size;
  if (advertisement.version === 2) {
    message[4] = advertisement.authType;
    message[5] = advertisement.intervalS;
    write(message, addressesEnd, advertisement.authData);
  } else {
    message[4] = advertisement.intervalCs >> 8;
    message[5] = advertisement.intervalCs & 0xff;
  }
  write(message, HEADER_BYTES, addresses);

  let sum = sumOfWords(message);
  const messageOnly = advertisement.version === 2 || (family === 'ipv4' && envelope.checksumForm === 'message');
  if (!messageOnly) sum += sumOfPseudoHeader(envelope.source, envelope.destination, message.length);
  const checksum = checksumOf(sum);
  message[CHECKSUM_OFFSET] = checksum >> 8;
  message[CHECKSUM_OFFSET + 1] = checksum & 0xff;
  return message;
}

function byteAt(message: Uint8Array, offset: number): number {
  return message[offset] ?? 0;
}

/**
 * The bytes from `start` to `end`. A short run is copied: a view would first make V8 move a small array's bytes out of
 * its heap, ten times the cost of the whole decoding. A long run is viewed, since its copy would live outside as well.
 */
function bytesOf(message: Uint8Array, start: number, end: number): Uint8Array {
  if (end - start > COPIED_BYTES_MAX) return message.subarray(start, end);
  const bytes = new Uint8Array(end - start);
  for (let index = 0; index < bytes.length; index++) bytes[index] = byteAt(message, start + index);
  return bytes;
}

/** As `message.set(bytes, offset)`, which costs more than this loop for the few bytes of an advertisement. */
function write(message: Uint8Array, offset: number, bytes: Uint8Array): void {
  for (let index = 0; index < bytes.length; index++) message[offset + index] = byteAt(bytes, index);
}

function refused(reason: RefusedMessage): DecodedMessage {
  return { ok: false, reason };
}
