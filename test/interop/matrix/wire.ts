import type { Sighting } from '../advertisements.ts';
import { type Cell, other, type Side } from './cells.ts';
import type { Pairing } from './pairing.ts';

const HOP_LIMIT = 255;
const KERNELS_HOP_LIMIT = 64;
const RELEASE = 0;
/** Nobody who waits for a silent peer is that quick (RFC 9568 section 6.1). */
const MASTER_DOWN_INTERVALS = 3;

/**
 * What is wrong with the advertisements of one pair, as our port of the switch has seen them; undefined: nothing.
 * The stronger one has left once, and the other one must have taken over because it said so: by `heardRelease`, its own
 * word, or else by its haste.
 */
export function wireProblem(
  pairing: Pairing,
  sightings: readonly Sighting[],
  heardRelease: boolean | undefined,
): string | undefined {
  const ofPair = sightings.filter(({ decoded }) => decoded.virtualRouterId === pairing.virtualRouterId);
  for (const sighting of ofPair) {
    const problem = formProblem(pairing, sighting);
    if (problem !== undefined) return problem;
  }
  const { stronger } = pairing.cell;
  const release = ofPair.find(
    (sighting) => sideOf(pairing, sighting) === stronger && sighting.decoded.priority === RELEASE,
  );
  if (release === undefined) return `no advertisement of priority 0 by ${stronger}`;
  const successor = ofPair.find(
    (sighting) => sideOf(pairing, sighting) === other(stronger) && sighting.atMs >= release.atMs,
  );
  if (successor === undefined) return `no advertisement by ${other(stronger)} after priority 0`;
  if (heardRelease !== undefined) return heardRelease ? undefined : 'priority 0 was not heard';
  const tookMs = successor.atMs - release.atMs;
  if (tookMs < MASTER_DOWN_INTERVALS * pairing.intervalMs) return undefined;
  return `priority 0 was not heeded: ${tookMs.toFixed(0)} ms until ${other(stronger)} advertised`;
}

/** By address: both may send from the virtual MAC. */
function sideOf({ source }: Pairing, sighting: Sighting): Side {
  return sighting.source === source.ours ? 'ours' : 'theirs';
}

/** keepalived leaves IPv6 unicast at its kernel's default; RFC 9568 speaks of multicast alone. */
function expectedHopLimit(side: Side, { peer, family, transport }: Cell): number {
  const left = side === 'theirs' && peer === 'keepalived' && family === 6 && transport === 'unicast';
  return left ? KERNELS_HOP_LIMIT : HOP_LIMIT;
}

function formProblem(pairing: Pairing, sighting: Sighting): string | undefined {
  const side = sideOf(pairing, sighting);
  const { cell, addresses, intervalMs, priority } = pairing;
  const { decoded } = sighting;
  const expected = {
    version: cell.version,
    interval: cell.version === 2 ? intervalMs / 1_000 : intervalMs / 10,
    addresses: addresses.join(' '),
    hopLimit: expectedHopLimit(side, cell),
    checksumGood: true,
    complaints: '',
  };
  const seen = { ...decoded, addresses: decoded.addresses.join(' '), complaints: decoded.complaints.join('; ') };
  for (const key of ['version', 'interval', 'addresses', 'hopLimit', 'checksumGood', 'complaints'] as const) {
    if (seen[key] !== expected[key]) return `${side}: ${key} ${seen[key]} instead of ${expected[key]}`;
  }
  const { priority: said } = decoded;
  return said === RELEASE || said === priority[side] ? undefined : `${side}: priority ${said}`;
}
