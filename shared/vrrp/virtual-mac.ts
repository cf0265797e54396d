import type { AddressFamily } from './address.ts';

/** The MAC address that a virtual router has at whichever host it lives (RFC 9568 section 7.3). `virtualRouterId`: 1 to 255. */
export function virtualRouterMac(family: AddressFamily, virtualRouterId: number): Uint8Array {
  return Uint8Array.of(0x00, 0x00, 0x5e, 0x00, family === 'ipv4' ? 0x01 : 0x02, virtualRouterId);
}
