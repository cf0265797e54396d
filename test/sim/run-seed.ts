import { Random } from '../../agent/simulation/random.ts';
import type { Tampering } from '../../agent/simulation/tampering.ts';
import { type Rule, Violation } from '../../agent/simulation/violation.ts';
import { NODE_NAMES, type World } from '../../agent/simulation/world.ts';
import { type DrawFault, inWords, schedule } from './fault.ts';
import { type Kind, makePlan, type Plan } from './plan.ts';
import { INTERVALS_US, type Mix, makeWorld } from './seed-world.ts';
import { identitiesInWords, isAgreedUpon, settleAtLast } from './settle.ts';

/** The kinds as they are drawn: most seeds are chaos. */
const DRAWN: readonly Kind[] = ['witness', 'link', 'single', 'planned', 'identity', ...Array<Kind>(6).fill('chaos')];

export type SeedResult = {
  readonly seed: number;
  readonly kind: Kind;
  readonly intervalUs: number;
  readonly simulatedUs: number;
  readonly events: number;
  readonly moves: number;
  /** from the end of the faults until there is one owner for good */
  readonly settledAfterUs: number | undefined;
  readonly violation: { readonly rule: Rule; readonly message: string; readonly atUs: number } | undefined;
  /** what every voter promised at the violation */
  readonly votes: readonly string[];
  readonly faults: readonly { readonly number: number; readonly atUs: number; readonly text: string }[];
  readonly timeline: readonly string[];
};

export type SeedOptions = {
  readonly recorded?: boolean;
  readonly intervalUs?: number | undefined;
  readonly kind?: Kind | undefined;
  /** the numbers of the faults that shall happen; all without */
  readonly onlyFaults?: readonly number[] | undefined;
  /** rules to look away from */
  readonly ignored?: readonly Rule[];
  readonly tampering?: Tampering;
  readonly mix?: Mix & {
    /** pauses between clock and kernel as often as it takes */
    readonly fencePauses?: boolean;
    /** only faults of these kinds */
    readonly kinds?: readonly DrawFault[];
  };
};

/** What policy available gives up. */
const WITHOUT_QUORUM: readonly Rule[] = ['two owners in the kernel', 'lease containment', 'ballots do not grow'];

const SECOND_US = 1_000_000;
/** Far beyond any run that ends. */
const LIMITS = { events: 2_000_000, untilUs: 600 * SECOND_US };
const TENURE_US = 10 * SECOND_US;
const WORLD_SALT = 0x5bd1e995;
const PLAN_SALT = 0x2545f491;

/** One run: everything in it follows from the seed. */
export function runSeed(seed: number, options: SeedOptions = {}): SeedResult {
  const random = new Random(seed ^ WORLD_SALT);
  random.next();
  const drawnIntervalUs = random.pick(INTERVALS_US);
  const drawnKind = random.pick(DRAWN);
  const intervalUs = options.intervalUs ?? drawnIntervalUs;
  const kind = options.kind ?? drawnKind;
  const { mix = {}, recorded = false, tampering } = options;
  const world = makeWorld(random, { seed, kind, intervalUs, mix, recorded, tampering });
  for (const rule of options.ignored ?? []) world.monitor.ignored.add(rule);
  if (world.policy.name === 'available') for (const rule of WITHOUT_QUORUM) world.monitor.ignored.add(rule);
  world.schedule.limits = LIMITS;
  const plan = planOf(seed, kind, world, random, options);
  let settledAfterUs: number | undefined;
  let violation: Violation | undefined;
  try {
    startAll(world, random);
    settledAfterUs = play(world, kind, plan, options.onlyFaults);
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
    violation: violation && { rule: violation.rule, message: violation.message, atUs: violation.atUs },
    votes: violation === undefined ? [] : world.monitor.votes(),
    faults: plan.faults.map((fault) => ({ number: fault.number, atUs: fault.atUs, text: inWords(fault) })),
    timeline: world.timeline.last(400),
  };
}

/** Most seeds begin their faults with one owner, on its peers' votes; some already while the agents start. */
function planOf(seed: number, kind: Kind, world: World, random: Random, options: SeedOptions): Plan {
  const { intervalUs, nodes, preemptDelayUs } = world;
  const settledUs = 13 * SECOND_US + 10 * intervalUs;
  const preemptedUs = preemptDelayUs === undefined ? 0 : 1.2 * (TENURE_US + preemptDelayUs) + 4 * intervalUs;
  const fromUs = kind !== 'chaos' || random.chance(0.5) ? settledUs + preemptedUs : 0;
  const untilUs = fromUs + (20 + 30 * random.next()) * SECOND_US + 20 * intervalUs;
  const { fencePauses = false, kinds } = options.mix ?? {};
  const [first, ...others] = world.witnesses.keys();
  const scene = {
    nodes,
    witnesses: [first ?? 'w', ...others],
    identities: world.identities.length,
    intervalUs,
  } as const;
  return makePlan(new Random(seed ^ PLAN_SALT), { kind, scene, fromUs, untilUs, fencePauses, kinds });
}

function startAll(world: World, random: Random): void {
  world.a.start();
  for (const agent of world.agents.slice(1)) {
    world.schedule.after(random.between(0, 2 * world.intervalUs), () => agent.start());
  }
  world.schedule.after(random.between(0, 20 * SECOND_US), () => world.witness.keepCopy());
}

function play(world: World, kind: Kind, plan: Plan, onlyFaults: readonly number[] | undefined): number | undefined {
  const { monitor } = world;
  schedule(world, plan.faults, onlyFaults && new Set(onlyFaults));
  world.schedule.runUntil(plan.fromUs);
  const first = world.owner;
  const [movesBefore, unplannedBefore, openings] = [monitor.moves, monitor.unplannedMoves, monitor.ownerships.length];
  if (kind === 'planned') watchPlannedChange(world, plan, first);
  world.schedule.runUntil(plan.untilUs);
  const moves = monitor.moves - movesBefore;
  const unplanned = monitor.unplannedMoves - unplannedBefore;
  switch (kind) {
    case 'witness':
    case 'link':
    case 'identity':
      if (world.owner !== first || moves > 0 || monitor.unplannedMoves > 0)
        monitor.violated('moved without need', `${first} -> ${world.owner}`);
      if (monitor.ownerships.length > openings || world.owner === undefined)
        monitor.violated('interrupted without need', `${first} closed its fence`);
      break;
    case 'single':
      if (unplanned > 1 || moves > 1 + movesBack(world))
        monitor.violated('moved more than once for one fault', `${moves} moves`);
      break;
    case 'planned':
      if (unplanned > 0 || moves > 1 + movesBack(world)) monitor.violated('moved without need', `${moves} moves`);
      break;
    case 'chaos':
      break;
  }
  if (kind === 'identity' && !isAgreedUpon(world)) monitor.violated('identity not reached', identitiesInWords(world));
  return settleAtLast(world);
}

/** With preemption the best node takes over once more as soon as it can. */
function movesBack({ preemptDelayUs }: World): number {
  return preemptDelayUs === undefined ? 0 : 1;
}

/** One planned change, and nothing else that happens: the wanted owner is there at once, by the shortest of all takeovers. */
function watchPlannedChange(world: World, { faults }: Plan, first: string | undefined): void {
  const [fault] = faults;
  const other = NODE_NAMES.find((node) => node !== first && world.nodes.includes(node));
  if (fault?.ownerAfter === undefined) return;
  const wanted = fault.ownerAfter(first, other);
  const patienceUs = world.intervalUs / 2;
  // What is over sooner than a handover takes need not lead to one.
  if (fault.lastsUs > 0 && fault.lastsUs < patienceUs) return;
  world.schedule.at(fault.atUs + patienceUs, () => {
    if (world.owner !== wanted) world.monitor.violated('a planned change failed', `${world.owner} owns, not ${wanted}`);
  });
}
