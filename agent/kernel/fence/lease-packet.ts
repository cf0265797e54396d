/**
 * The lease packet, the payload of a UDP datagram to 127.0.0.1:3113. All fields in network order:
 *
 *      0                16        20      22      24
 *     +------------------+---------+-------+-------+
 *     | secret           | nonce   | group | code  |
 *     +------------------+---------+-------+-------+
 *
 * Many groups are refreshed by one packet, held ones or those with leases: their numbers (u16) follow, and the sentinel is that of group 0.
 * Code 0x7ffe is for held groups, 0x4000 + step for groups with leases that all get the lifetime of that step.
 *
 * `netdev tiebreak` acts on it at lo's ingress and rewrites the port to 3114, `inet tiebreak` acts at prerouting and
 * rewrites to 3115, where the agent listens. What arrives there has taken effect in both tables.
 */

/** Where the agent sends to. */
export const LEASE_PORT = 3113;
/** Between the two tables. */
export const HANDED_ON_PORT = 3114;
/** Where the agent listens. */
export const CONFIRMED_PORT = 3115;

export const SECRET_BYTES = 16;
export const LEASE_PACKET_BYTES = 24;
/** How many held groups one packet may refresh. */
export const HELD_PER_PACKET = 32;
/** How many groups with leases: one rule extends all, of some 124 bytes for each, and the kernel's rules have 4,095 at most. */
export const LEASES_PER_PACKET = 24;
const LISTED_ID_BYTES = 2;
export const LEASE_PACKET_BYTES_MAX = LEASE_PACKET_BYTES + HELD_PER_PACKET * LISTED_ID_BYTES;

/** Group 0 has no addresses: the self-test and `isIntact` use it. */
export const SELF_TEST_GROUP = 0;
export const GROUP_ID_MAX = 65_535;

const CODE_ARM = 0;
const CODE_REFRESH_HELD = 0x7ffe;
const CODE_CLOSE = 0x7fff;
const TOGETHER_BIT = 0x4000;
const OPEN_BIT = 0x8000;

/** What a lease packet asks for. `step` x 4 ms is the lifetime (see `arithmetic.ts`). */
export type LeaseAct =
  | { readonly kind: 'arm' }
  | { readonly kind: 'refresh'; readonly step: number }
  | { readonly kind: 'refresh-held'; readonly groupIds: readonly number[] }
  | { readonly kind: 'refresh-together'; readonly step: number; readonly groupIds: readonly number[] }
  | { readonly kind: 'open'; readonly step: number }
  | { readonly kind: 'close' };

/** The 16 bits by which the ruleset knows an act. */
export function leaseCode(act: LeaseAct): number {
  switch (act.kind) {
    case 'arm':
      return CODE_ARM;
    case 'close':
      return CODE_CLOSE;
    case 'refresh':
      return act.step;
    case 'refresh-held':
      return CODE_REFRESH_HELD;
    case 'refresh-together':
      return TOGETHER_BIT | act.step;
    case 'open':
      return OPEN_BIT | act.step;
  }
}

/**
 * Encodes a lease packet. `nonce` (u32) names the sentinel: ARM sets it, REFRESH and OPEN must name a live one and use
 * it up, CLOSE takes it away.
 */
export function encodeLeasePacket(secret: Uint8Array, nonce: number, groupId: number, act: LeaseAct): Uint8Array {
  const listed = act.kind === 'refresh-held' || act.kind === 'refresh-together' ? act.groupIds : [];
  if (listed.length > HELD_PER_PACKET)
    throw new RangeError(`a lease packet refreshes ${HELD_PER_PACKET} groups at most`);
  const bytes = new Uint8Array(LEASE_PACKET_BYTES + listed.length * LISTED_ID_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(secret.subarray(0, SECRET_BYTES), 0);
  view.setUint32(16, nonce);
  view.setUint16(20, groupId);
  view.setUint16(22, leaseCode(act));
  for (const [index, id] of listed.entries()) view.setUint16(LEASE_PACKET_BYTES + index * LISTED_ID_BYTES, id);
  return bytes;
}
