import { parseAddress } from '@tiebreak/shared/vrrp';

/** The configuration has checked every address before. */
export function bytesOf(address: string): Uint8Array {
  const bytes = parseAddress(address);
  if (bytes === undefined) throw new Error(`'${address}' passed the configuration's check and is no address`);
  return bytes;
}
