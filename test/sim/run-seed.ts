import type { Policy } from '@tiebreak/shared/lease';
import { NO_TROUBLES } from './agent-shell.ts';
import { endFaults, SINGLE_FAULTS, sow, sowChaos, WITNESS_FAULTS } from './faults.ts';
import { GOOD_LINK, type LinkQuality } from './network.ts';
import { Random } from './random.ts';
import { NO_TAMPERING, type Tampering } from './tampering.ts';
import { type Rule, Violation } from './violation.ts';
import { GROUP, World } from './world.ts';

export const INTERVALS_US = [56_000, 100_000, 250_000, 1_000_000, 4_000_000] as const;

/** What a seed is about, and so what it may ask beyond safety. */
const KINDS = ['witness', 'link', 'single', 'chaos', 'chaos', 'chaos', 'chaos', 'chaos'] as const;
export type Kind = (typeof KINDS)[number];

export type SeedResult = {
  readonly seed: number;
  readonly kind: Kind;
  readonly intervalUs: number;
  readonly simulatedUs: number;
  readonly events: number;
  readonly moves: number;
  /** from the end of the faults until there is one owner for good */
  readonly settledAfterUs: number | undefined;
  readonly violation: Violation | undefined;
  readonly timeline: readonly string[];
};

export type SeedOptions = {
  readonly recorded?: boolean;
  readonly intervalUs?: number | undefined;
  readonly kind?: Kind | undefined;
  readonly tampering?: Tampering;
  /** more of what exposes one defect: pauses between clock and kernel, unequal intervals, policy bias */
  readonly pauses?: boolean;
  readonly uneven?: boolean;
  readonly bias?: boolean;
  /** rules to look away from */
  readonly ignored?: readonly Rule[];
};

const SECOND_US = 1_000_000;
const PROMISE_MAX_US = 10 * SECOND_US;
const SLOWEST = 0.92;
const BIAS_PROMISE_MS = 20_000;

/** One run: everything in it follows from the seed. */
export function runSeed(seed: number, options: SeedOptions = {}): SeedResult {
  const random = new Random(seed ^ 0x5bd1e995);
  random.next();
  const drawnIntervalUs = random.pick(INTERVALS_US);
  const drawnKind = random.pick(KINDS);
  const intervalUs = options.intervalUs ?? drawnIntervalUs;
  const kind = options.kind ?? drawnKind;
  const world = makeWorld(seed, kind, intervalUs, random, options);
  for (const rule of options.ignored ?? []) world.monitor.ignored.add(rule);
  let settledAfterUs: number | undefined;
  let violation: Violation | undefined;
  try {
    settledAfterUs = play(world, kind, random, options);
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violation = error;
  }
  return {
    seed,
    kind,
    intervalUs,
    simulatedUs: world.nowUs,
    events: world.schedule.performed,
    moves: world.monitor.moves,
    settledAfterUs,
    violation,
    timeline: world.timeline.last(120),
  };
}

function makeWorld(seed: number, kind: Kind, intervalUs: number, random: Random, options: SeedOptions): World {
  const rate = (): number => random.pick([SLOWEST, 1, 2 - SLOWEST, random.between(SLOWEST, 2 - SLOWEST)]);
  const agents = kind === 'chaos' && random.chance(0.4) ? 3 + random.integer(3) : 2;
  const hasWitness = agents === 2 || random.chance(0.7);
  // Drawn for every seed alike, so that a policy changes nothing else of it.
  const policy: Policy =
    agents === 2 && (random.chance(0.3) || options.bias)
      ? { name: 'bias', promiseMs: BIAS_PROMISE_MS }
      : { name: 'safe' };
  // M9: nothing forces two nodes to be configured alike, and the longer promise counts (L16).
  const pace = (): number => random.pick([1, 1, 0.25, 2]);
  const uneven =
    kind === 'chaos' && (random.chance(0.2) || options.uneven) && intervalUs >= 250_000 && intervalUs <= 1_000_000;
  const paces = uneven ? { a: pace(), b: pace(), c: pace(), d: pace(), e: pace() } : {};
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
  return new World({
    seed,
    intervalUs,
    rates: { a: rate(), b: rate(), c: rate(), d: rate(), e: rate(), w: rate() },
    agents,
    hasWitness,
    paces,
    policy,
    unslewedTicks: random.chance(0.25),
    sessions: random.chance(0.7),
    sideband,
    uplink,
    recorded: options.recorded ?? false,
    tampering: options.tampering ?? NO_TAMPERING,
  });
}

function play(world: World, kind: Kind, random: Random, options: SeedOptions): number | undefined {
  const { intervalUs, monitor } = world;
  world.a.start();
  for (const agent of world.agents.slice(1)) {
    world.schedule.after(random.between(0, 2 * intervalUs), () => agent.start());
  }
  world.schedule.after(random.between(0, 20 * SECOND_US), () => world.witness.keepCopy());
  if (kind !== 'chaos' || random.chance(0.5)) world.runFor(13 * SECOND_US + 10 * intervalUs);
  const first = world.owner;
  const interruptions = countInterruptions(world);
  const faultsUntilUs = world.nowUs + (20 + 30 * random.next()) * SECOND_US + 20 * intervalUs;
  switch (kind) {
    case 'witness':
      sow(world, WITNESS_FAULTS, 2 * SECOND_US, faultsUntilUs);
      break;
    case 'link':
      cutLinkOnce(world, random);
      break;
    case 'single':
      random.pick(SINGLE_FAULTS)(world, random);
      break;
    case 'chaos':
      sowChaos(world, faultsUntilUs);
      if (options.pauses) world.setTroubles({ ...NO_TROUBLES, fencePauseChance: 0.3, pauseMaxUs: 5 * SECOND_US });
      break;
  }
  world.schedule.runUntil(faultsUntilUs);
  if (kind === 'witness' || kind === 'link') {
    if (world.owner !== first || monitor.moves > 0)
      monitor.violated('moved without need', `${first} -> ${world.owner}`);
    if (interruptions() > 0) monitor.violated('interrupted without need', `${first} closed its fence`);
  }
  if (kind === 'single' && monitor.moves > 1) {
    monitor.violated('moved more than once for one fault', `${monitor.moves} moves`);
  }
  return settleAtLast(world);
}

/** How often somebody has stopped being the owner from now on. */
function countInterruptions(world: World): () => number {
  const before = world.monitor.ownerships.length;
  return () => world.monitor.ownerships.length - before + (world.owner === undefined ? 1 : 0);
}

/** Any way to cut the link between the agents, while the witness is near. */
function cutLinkOnce(world: World, random: Random): void {
  const ways = random.integer(3);
  world.schedule.after(random.between(0, world.intervalUs), () => {
    if (ways !== 1) world.cut('a', 'b');
    if (ways !== 0) world.cut('b', 'a');
  });
  world.schedule.after(world.intervalUs + random.logBetween(world.intervalUs / 5, 15 * SECOND_US), () => {
    if (ways !== 1) world.mend('a', 'b');
    if (ways !== 0) world.mend('b', 'a');
  });
}

/** Liveness: one owner in bounded time once nothing fails any more; and after that nothing happens at all. */
function settleAtLast(world: World): number {
  const { intervalUs, monitor } = world;
  endFaults(world);
  while (world.nowUs < world.troubledUntilUs) world.schedule.runUntil(world.troubledUntilUs);
  const { policy } = world;
  const longestUs = PROMISE_MAX_US + (policy.name === 'bias' ? policy.promiseMs * 1000 : PROMISE_MAX_US);
  const limitUs = longestUs / SLOWEST + 15 * intervalUs;
  const neededUs = world.runUntil(() => isIdle(world), limitUs, intervalUs);
  if (neededUs === undefined) {
    const roles = `${world.nodes.map((node) => `${node} is ${world.role(node)}`).join(', ')}, owner ${world.owner ?? 'nobody'}`;
    monitor.violated('no owner after the faults', `${roles}, W holds ${world.witness.holder(GROUP) ?? 'nothing'}`);
    return limitUs;
  }
  // What was lost or delayed at the very end of the faults may still have its consequences.
  world.runFor(7 * SECOND_US + 5 * intervalUs);
  const { moves } = monitor;
  const owner = world.owner;
  const asks = asksOf(world);
  const ballot = ballotText(world);
  world.runFor(6 * SECOND_US + 10 * intervalUs);
  if (world.owner !== owner || monitor.moves !== moves) monitor.violated('moved without need', 'in steady state');
  const asked = asksOf(world) - asks;
  if (asked > 0) monitor.violated('not idle in steady state', `${asked} requests to the witness`);
  if (ballotText(world) !== ballot) monitor.violated('not idle in steady state', `${ballot} -> ${ballotText(world)}`);
  return neededUs;
}

/** One owner, on its peers' votes alone. */
function isIdle(world: World): boolean {
  const { owner } = world;
  if (owner === undefined || world.witness.holder(GROUP) !== undefined) return false;
  const roles = world.nodes.map((node) => world.role(node));
  return roles.every((role) => role === 'active' || role === 'backup') && roles.includes('active');
}

function asksOf({ agents }: World): number {
  return agents.reduce((sum, { asks }) => sum + asks, 0);
}

function ballotText({ agents }: World): string {
  return agents
    .map(({ state }) => state?.role)
    .map((role) => (role?.name === 'active' ? `${role.ballot.counter}.${role.ballot.node}` : ''))
    .join('');
}
