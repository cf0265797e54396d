import { type AddressFamily, addressBytes, isLinkLocal } from './address.ts';
import { INTERVAL_CS_MAX, INTERVAL_S_MAX, US_PER_CENTISECOND, US_PER_SECOND } from './timers.ts';

/** Bytes of the authentication data that ends every version 2 message (RFC 3768 section 5.3.10). */
export const AUTH_DATA_BYTES = 8;

/** None, simple text password, IP Authentication Header: the types that were ever defined (RFC 2338 section 5.3.6). */
export type AuthType = 0 | 1 | 2;

/** RFC 3768 section 5.1. The addresses lie one after the other in network order, as on the wire: see `addressAt`. */
export type AdvertisementV2 = {
  readonly version: 2;
  readonly family: 'ipv4';
  /** 1 to 255 */
  readonly virtualRouterId: number;
  /** 0 (release) to 255 (owner) */
  readonly priority: number;
  /** 1 to 255 */
  readonly intervalS: number;
  readonly authType: AuthType;
  /** 8 bytes; carried, not judged */
  readonly authData: Uint8Array;
  readonly addresses: Uint8Array;
};

/** RFC 9568 section 5.1. The addresses lie one after the other in network order, as on the wire: see `addressAt`. */
export type AdvertisementV3 = {
  readonly version: 3;
  readonly family: AddressFamily;
  /** 1 to 255 */
  readonly virtualRouterId: number;
  /** 0 (release) to 255 (owner) */
  readonly priority: number;
  /** Max Advertise Interval, 1 to 4095 (erratum 8301) */
  readonly intervalCs: number;
  readonly addresses: Uint8Array;
};

export type Advertisement = AdvertisementV2 | AdvertisementV3;

/** A version 2 advertisement of up to 255 IPv4 addresses; of none, as keepalived has it, if something else than an address moves. Throws RangeError when a field is out of its range. */
export function advertisementV2(fields: {
  virtualRouterId: number;
  priority: number;
  intervalS: number;
  addresses: readonly Uint8Array[];
  authType?: AuthType;
  authData?: Uint8Array;
}): AdvertisementV2 {
  const { virtualRouterId, priority, intervalS, authType = 0, authData = new Uint8Array(AUTH_DATA_BYTES) } = fields;
  requireInteger('virtual router id', virtualRouterId, 1, 255);
  requireInteger('priority', priority, 0, 255);
  requireInteger('version 2 interval in seconds', intervalS, 1, INTERVAL_S_MAX);
  if (authData.length !== AUTH_DATA_BYTES) {
    throw new RangeError(`version 2 authentication data has ${AUTH_DATA_BYTES} bytes, not ${authData.length}`);
  }
  const addresses = joinAddresses('ipv4', fields.addresses, 0);
  return { version: 2, family: 'ipv4', virtualRouterId, priority, intervalS, authType, authData, addresses };
}

/**
 * A version 3 advertisement of 1 to 255 addresses of one family; the first IPv6 address is link-local (RFC 9568
 * section 5.2.9). Throws RangeError when a field is out of its range.
 */
export function advertisementV3(fields: {
  family: AddressFamily;
  virtualRouterId: number;
  priority: number;
  intervalCs: number;
  addresses: readonly Uint8Array[];
}): AdvertisementV3 {
  const { family, virtualRouterId, priority, intervalCs } = fields;
  requireInteger('virtual router id', virtualRouterId, 1, 255);
  requireInteger('priority', priority, 0, 255);
  requireInteger('version 3 interval in centiseconds', intervalCs, 1, INTERVAL_CS_MAX);
  const addresses = joinAddresses(family, fields.addresses, 1);
  if (family === 'ipv6' && !isLinkLocal(addresses)) throw new RangeError('the first IPv6 address is link-local');
  return { version: 3, family, virtualRouterId, priority, intervalCs, addresses };
}

/** How many addresses are advertised: up to 255, in version 3 at least 1. */
export function addressCount(advertisement: Advertisement): number {
  return advertisement.addresses.length / addressBytes(advertisement.family);
}

/** A view of the advertised address `index`. Throws RangeError when there is no such address. */
export function addressAt(advertisement: Advertisement, index: number): Uint8Array {
  requireInteger('address index', index, 0, addressCount(advertisement) - 1);
  const bytes = addressBytes(advertisement.family);
  return advertisement.addresses.subarray(index * bytes, (index + 1) * bytes);
}

/** The advertised interval in us, whichever the version. */
export function advertisedIntervalUs(advertisement: Advertisement): number {
  return advertisement.version === 2
    ? advertisement.intervalS * US_PER_SECOND
    : advertisement.intervalCs * US_PER_CENTISECOND;
}

function joinAddresses(family: AddressFamily, addresses: readonly Uint8Array[], min: 0 | 1): Uint8Array {
  requireInteger('number of addresses', addresses.length, min, 255);
  const bytes = addressBytes(family);
  const joined = new Uint8Array(addresses.length * bytes);
  for (const [index, address] of addresses.entries()) {
    if (address.length !== bytes)
      throw new RangeError(`an ${family} address has ${bytes} bytes, not ${address.length}`);
    joined.set(address, index * bytes);
  }
  return joined;
}

function requireInteger(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} is an integer from ${min} to ${max}, not ${value}`);
  }
}
