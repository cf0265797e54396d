import { readFileSync } from 'node:fs';

// capabilities(7), as bits.
const BITS = { CAP_KILL: 5n, CAP_SETGID: 6n, CAP_SETUID: 7n, CAP_NET_ADMIN: 12n, CAP_NET_RAW: 13n } as const;
export type Capability = keyof typeof BITS;

/** Those of `wanted` that this process may not use. */
export function missingCapabilities(wanted: readonly Capability[]): Capability[] {
  return missingFrom(readFileSync('/proc/self/status', 'utf8'), wanted);
}

/** `status`: the text of /proc/PID/status. */
export function missingFrom(status: string, wanted: readonly Capability[]): Capability[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  return wanted.filter((capability) => ((effective >> BITS[capability]) & 1n) === 0n);
}
