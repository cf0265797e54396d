import { createHash } from 'node:crypto';
import type { AddressFamily } from './types.ts';

/** The kernel's IFNAMSIZ less the NUL. */
const NAME_MAX = 15;
const DIGEST_CHARACTERS = 3;

/**
 * The macvlan that carries a virtual router's MAC address: `tb33.eth0`, for IPv6 `tb33v6.eth0`. Of a longer interface name
 * the beginning, and three characters that tell two with the same beginning apart: `tb33.enp129-a1b`.
 */
export function virtualMacInterface(parent: string, family: AddressFamily, virtualRouterId: number): string {
  const start = `tb${virtualRouterId}${family === 'ipv6' ? 'v6' : ''}.`;
  if (start.length + parent.length <= NAME_MAX) return start + parent;
  const kept = parent.slice(0, NAME_MAX - start.length - DIGEST_CHARACTERS - 1);
  const digest = createHash('sha256').update(parent).digest('hex').slice(0, DIGEST_CHARACTERS);
  return `${start}${kept}-${digest}`;
}

/** Whether an interface of that name may be one of ours; the kind and the MAC address tell for certain. */
export function isVirtualMacInterface(name: string): boolean {
  return /^tb\d{1,3}(v6)?\./.test(name);
}
