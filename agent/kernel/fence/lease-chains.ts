import { STEP_MS, sentinelMs } from './arithmetic.ts';
import type { FencedGroup, RulesetConfig } from './config.ts';
import { HELD_PER_PACKET, LEASE_PACKET_BYTES, leaseCode, SELF_TEST_GROUP } from './lease-packet.ts';
import { GROUP } from './leased-keys.ts';
import { lifetimesMs, listedTogether, stepOf, togetherLifetimesMs } from './lifetimes.ts';
import { chain, collection } from './nft-text.ts';

// An element that a rule deletes frees its slot only at garbage collection: with room for 1024, the 1024th refresh
// was refused.
const DYNAMIC = 'flags dynamic,timeout; size 65535; gc-interval 1s';

// Fields of the lease packet, as bits from the start of the UDP header (the payload starts at 64).
const SECRET = '@th,64,128';
const SENTINEL = `@th,192,32 . ${GROUP}`;
const GROUP_AND_CODE = '@th,224,32';
const OPEN_BIT = '@th,240,1';
const CODE = '@th,240,16';
const TOGETHER_BITS = '@th,240,16 & 0xc000';

/** The number of the group that comes `slot`th behind the lease packet proper. */
function listedId(slot: number): string {
  const udpHeaderBits = 64;
  return `@th,${udpHeaderBits + LEASE_PACKET_BYTES * 8 + slot * 16},16`;
}

export const SELF_TEST: FencedGroup = {
  id: SELF_TEST_GROUP,
  addresses: [],
  virtualRouters: [],
  gatewayInterfaces: [],
  intervalUs: 0,
};

/**
 * The sets and chains by which a table takes lease packets; both tables carry the same. The base chain sends the packet
 * to `lease`; if it takes effect it goes on to `nextPort`, else it ends here.
 */
export function leaseChains({ groups, kernelTickUs, secret }: RulesetConfig, nextPort: number): string[] {
  const handOn = `udp dport set ${nextPort} accept`;
  const all = [SELF_TEST, ...groups];
  const listed = listedTogether(groups);
  const sentinels = new Set(all.map((group) => sentinelMs(group.intervalUs, kernelTickUs)));
  const lifetimes = new Set(all.flatMap((group) => lifetimesMs(group, kernelTickUs)));
  return [
    collection('set', 'armed', `typeof ${SENTINEL}; ${DYNAMIC}`),
    collection('set', 'alive', `typeof ${GROUP}; ${DYNAMIC}`),
    ...[...sentinels].flatMap((lifetimeMs) =>
      confirmed(sentinelChain(lifetimeMs), `update @armed { ${SENTINEL} timeout ${lifetimeMs}ms }`, handOn),
    ),
    ...[...lifetimes].flatMap((lifetimeMs) =>
      confirmed(lifetimeChain(lifetimeMs), `update @alive { ${GROUP} timeout ${lifetimeMs}ms }`, handOn),
    ),
    // CLOSE also takes away the sentinel that it names: an OPEN or REFRESH that is still queued for it comes too late.
    ...chain('close', [`delete @armed { ${SENTINEL} }`, `delete @alive { ${GROUP} }`, handOn]),
    ...heldChains(groups.filter(isHeld), handOn),
    ...togetherChains(listed, kernelTickUs, handOn),
    ...verdictChain(all, listed, kernelTickUs, secret),
  ];
}

/**
 * One packet for all held groups that have something to prove just then. A slot that the packet does not have matches nothing;
 * a group that is no longer alive ends it, and with it the confirmation of the others.
 */
function heldChains(held: readonly FencedGroup[], handOn: string): string[] {
  if (held.length === 0) return [];
  const slots = Array.from({ length: HELD_PER_PACKET }, (_, slot) => listedId(slot));
  const verdicts = held.map((group) => `${group.id} : jump ${heldChain(group)}`);
  return [
    ...held.flatMap((group) =>
      confirmed(heldChain(group), `update @alive { ${group.id} timeout ${group.heldMs}ms }`, 'return'),
    ),
    collection('map', 'held', `typeof ${GROUP} : verdict`, verdicts),
    ...chain('held', [
      `delete @armed { ${SENTINEL} }`,
      ...slots.flatMap((id) => [`${id} != @alive drop`, `${id} vmap @held`]),
      handOn,
      'drop',
    ]),
  ];
}

/**
 * One packet, and one lifetime, for several leases of about the same length that are due just then. A rule ends at a slot that the
 * packet does not have, so it has them all: a group may come more than once.
 */
function togetherChains(listed: number, kernelTickUs: number, handOn: string): string[] {
  if (listed === 0) return [];
  const slots = Array.from({ length: listed }, (_, slot) => listedId(slot));
  const lifetimes = togetherLifetimesMs(kernelTickUs);
  const toLifetime = lifetimes.map(
    (lifetimeMs) =>
      `${leaseCode({ kind: 'refresh-together', step: lifetimeMs / STEP_MS, groupIds: [] })} : goto ${togetherChain(lifetimeMs)}`,
  );
  return [
    ...lifetimes.flatMap((lifetimeMs) => {
      const updates = slots.map((id) => `update @alive { ${id} timeout ${lifetimeMs}ms }`);
      return confirmed(togetherChain(lifetimeMs), updates.join(' '), handOn);
    }),
    ...chain('together', [
      `delete @armed { ${SENTINEL} }`,
      ...slots.map((id) => `${id} != @alive drop`),
      `${CODE} vmap { ${toLifetime.join(', ')} }`,
      'drop',
    ]),
  ];
}

function verdictChain(
  groups: readonly FencedGroup[],
  listed: number,
  kernelTickUs: number,
  secret: Uint8Array,
): string[] {
  const held = groups.filter(isHeld);
  const toSentinel = groups.map(
    (group) => `${group.id} : goto ${sentinelChain(sentinelMs(group.intervalUs, kernelTickUs))}`,
  );
  const toHeldLifetime = held.flatMap((group) =>
    lifetimesMs(group, kernelTickUs).flatMap((lifetimeMs) =>
      extensionCodes(group, lifetimeMs).map(
        (code) => `${groupAndCode(group, code)} : goto ${lifetimeChain(lifetimeMs)}`,
      ),
    ),
  );
  // The same for every lease: which group it is, the packet says.
  const toLifetime = groups
    .filter((group) => !isHeld(group))
    .flatMap((group) =>
      lifetimesMs(group, kernelTickUs).flatMap((lifetimeMs) =>
        extensionCodes(group, lifetimeMs).map((code) => `${code} : goto ${lifetimeChain(lifetimeMs)}`),
      ),
    );
  return chain('lease', [
    `${SECRET} != 0x${Buffer.from(secret).toString('hex')} drop`,
    `${CODE} ${leaseCode({ kind: 'arm' })} ${GROUP} vmap { ${toSentinel.join(', ')} }`,
    `${CODE} ${leaseCode({ kind: 'close' })} goto close`,
    `${SENTINEL} != @armed drop`,
    ...(held.length > 0 ? [`${CODE} ${leaseCode({ kind: 'refresh-held', groupIds: [] })} goto held`] : []),
    ...(listed > 0
      ? [`${TOGETHER_BITS} ${leaseCode({ kind: 'refresh-together', step: 0, groupIds: [] })} goto together`]
      : []),
    // REFRESH only: an element that has expired, collected or not, would be made anew by `update`.
    `${OPEN_BIT} 0 ${GROUP} != @alive drop`,
    `delete @armed { ${SENTINEL} }`,
    ...(held.length > 0 ? [`${GROUP_AND_CODE} vmap { ${toHeldLifetime.join(', ')} }`] : []),
    `${CODE} vmap { ${[...new Set(toLifetime)].join(', ')} }`,
    // Also for datagrams too short for the fields above: a rule that reads past the end does not match.
    'drop',
  ]);
}

/** REFRESH and OPEN. */
function extensionCodes(group: FencedGroup, lifetimeMs: number): number[] {
  const step = stepOf(group, lifetimeMs);
  return [leaseCode({ kind: 'refresh', step }), leaseCode({ kind: 'open', step })];
}

function sentinelChain(lifetimeMs: number): string {
  return `arm_${lifetimeMs}ms`;
}

function lifetimeChain(lifetimeMs: number): string {
  return `for_${lifetimeMs}ms`;
}

function togetherChain(lifetimeMs: number): string {
  return `together_${lifetimeMs}ms`;
}

function heldChain(group: FencedGroup): string {
  return `g${group.id}_held`;
}

function isHeld({ heldMs }: FencedGroup): boolean {
  return heldMs !== undefined;
}

function groupAndCode(group: FencedGroup, code: number): number {
  return group.id * 0x1_0000 + code;
}

/**
 * A chain that hands a packet on only if the update took effect: within a rule, a statement that fails (an `update` that
 * finds no room) ends the rule, while in the next rule the packet would be handed on all the same, a false confirmation.
 */
function confirmed(name: string, update: string, handOn: string): string[] {
  return chain(name, [`${update} ${handOn}`, 'drop']);
}
