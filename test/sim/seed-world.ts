import type { Policy } from '@tiebreak/shared/lease';
import type { GroupIdentity } from '../../agent/simulation/group-identity.ts';
import { GOOD_LINK, type LinkQuality } from '../../agent/simulation/network.ts';
import { Random } from '../../agent/simulation/random.ts';
import { NO_TAMPERING, type Tampering } from '../../agent/simulation/tampering.ts';
import { World } from '../../agent/simulation/world.ts';
import type { Kind } from './plan.ts';

export const INTERVALS_US = [56_000, 100_000, 250_000, 1_000_000, 4_000_000] as const;

const SECOND_US = 1_000_000;
/** chrony slews by 8 % */
export const SLOWEST = 0.92;
const BIAS_PROMISE_MS = 20_000;
const IDENTITY_SALT = 0x1b873593;

/** More of what exposes one defect than chance would bring. */
export type Mix = {
  readonly uneven?: boolean;
  readonly bias?: boolean;
  readonly agents?: number;
  /** whether nodes may be configured for other identities; by chance without */
  readonly identities?: boolean;
  /** policy available: two agents may own, but never for long once they hear each other */
  readonly available?: boolean;
};

export type WorldChoice = {
  readonly seed: number;
  readonly kind: Kind;
  readonly intervalUs: number;
  readonly mix: Mix;
  readonly recorded: boolean;
  readonly tampering: Tampering | undefined;
};

/** Draws how many agents there are, how their clocks run, how they are configured and what their links are like. */
export function makeWorld(random: Random, choice: WorldChoice): World {
  const { seed, kind, intervalUs, mix } = choice;
  const rate = (): number => random.pick([SLOWEST, 1, 2 - SLOWEST, random.between(SLOWEST, 2 - SLOWEST)]);
  const drawnAgents = kind === 'chaos' && random.chance(0.4) ? 3 + random.integer(3) : 2;
  const agents = mix.agents ?? drawnAgents;
  const hasWitness = agents === 2 || random.chance(0.7);
  // Drawn for every seed alike, so that a policy changes nothing else of it.
  const drawnPolicy: Policy =
    agents === 2 && (random.chance(0.3) || mix.bias) ? { name: 'bias', promiseMs: BIAS_PROMISE_MS } : { name: 'safe' };
  const policy: Policy = mix.available ? { name: 'available' } : drawnPolicy;
  // M9: nothing forces two nodes to be configured alike, and the longer promise counts (L16).
  const pace = (): number => random.pick([1, 1, 0.25, 2]);
  const uneven =
    kind === 'chaos' && (random.chance(0.2) || mix.uneven) && intervalUs >= 250_000 && intervalUs <= 1_000_000;
  const paces = uneven ? { a: pace(), b: pace(), c: pace(), d: pace(), e: pace() } : {};
  const preempts = random.chance(0.15);
  const preemptDelayUs = random.pick([0, 2 * SECOND_US]);
  const lossy = kind === 'chaos' && random.chance(0.7);
  const sideband: LinkQuality = lossy
    ? {
        loss: 0.02,
        duplicate: 0.03,
        delayMinUs: 50,
        delayMaxUs: intervalUs / 20,
        late: 0.002,
        lateMaxUs: 5 * SECOND_US,
      }
    : { ...GOOD_LINK, delayMaxUs: Math.min(2_000, intervalUs / 30) };
  // Both ways together below 2.1 x interval, as `check` demands; where the witness shall be fast, well below.
  const uplinkMaxUs = kind === 'chaos' ? random.logBetween(1_000, intervalUs) : intervalUs / 15;
  const uplink: LinkQuality = lossy
    ? { loss: 0.02, duplicate: 0.03, delayMinUs: 500, delayMaxUs: uplinkMaxUs, late: 0.005, lateMaxUs: 5 * SECOND_US }
    : { ...GOOD_LINK, delayMinUs: 500, delayMaxUs: uplinkMaxUs };
  // Drawn apart, so that it changes nothing else of the seed.
  const changing = new Random(seed ^ IDENTITY_SALT);
  const drawn = kind === 'chaos' ? changing.chance(0.5) : kind === 'identity';
  const changes = !mix.available && (mix.identities ?? drawn);
  return new World({
    seed,
    intervalUs,
    rates: {
      a: rate(),
      b: rate(),
      c: rate(),
      d: rate(),
      e: rate(),
      w: rate(),
      x: changing.between(SLOWEST, 2 - SLOWEST),
    },
    agents,
    comparesHashes: true,
    hasWitness,
    paces,
    policy,
    otherIdentities: changes ? otherIdentities(agents, hasWitness, policy) : [],
    preemptDelayUs: preempts ? preemptDelayUs : undefined,
    unslewedTicks: random.chance(0.25),
    sessions: random.chance(0.7),
    sideband,
    uplink,
    recorded: choice.recorded,
    tampering: choice.tampering ?? NO_TAMPERING,
  });
}

/** The other witness under the same policy, the other policy where there is a choice, and both. */
function otherIdentities(agents: number, hasWitness: boolean, policy: Policy): GroupIdentity[] {
  const first = hasWitness ? 'w' : undefined;
  const flipped: Policy = policy.name === 'bias' ? { name: 'safe' } : { name: 'bias', promiseMs: BIAS_PROMISE_MS };
  const other: Policy = agents === 2 ? flipped : policy;
  return [
    { configHash: '1111111111111111', witness: 'x', policy },
    { configHash: '2222222222222222', witness: first, policy: other },
    { configHash: '3333333333333333', witness: 'x', policy: other },
    { configHash: '4444444444444444', witness: hasWitness ? undefined : 'w', policy: { name: 'safe' } },
  ];
}
