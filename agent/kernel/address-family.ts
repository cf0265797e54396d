import type { AddressFamily } from '@tiebreak/shared/vrrp';
import { AF_INET, AF_INET6 } from './sockaddr.ts';

/** The kernel's number for a family. */
export function familyNumber(family: AddressFamily): number {
  switch (family) {
    case 'ipv4':
      return AF_INET;
    case 'ipv6':
      return AF_INET6;
  }
}

/** The family behind the kernel's number, or undefined for one that has no part here. */
export function familyOfNumber(number: number): AddressFamily | undefined {
  if (number === AF_INET) return 'ipv4';
  if (number === AF_INET6) return 'ipv6';
  return undefined;
}

/** Bytes of an address: 4 or 16. */
export function addressBytes(family: AddressFamily): 4 | 16 {
  return family === 'ipv4' ? 4 : 16;
}
