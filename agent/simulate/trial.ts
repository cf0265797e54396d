import {
  firstVacancyUs,
  GOOD_LINK,
  NO_TROUBLES,
  NODE_NAMES,
  ownedUs,
  Random,
  type Rule,
  type Tampering,
  type Tenure,
  Violation,
  World,
} from '../simulation/index.ts';
import { type Fault, lastsUs, restingUs } from './faults.ts';
import { placeOf, type Setting } from './setting.ts';

/** What one fault came to once. Times in real µs, as the kernels had it. */
export type Trial = {
  readonly seed: number;
  /** Who owned from the fault's beginning to its end, one after the other, as the simulated world names them. */
  readonly owners: readonly string[];
  /** When the fault ends, before anything is put right: none if nobody does. */
  readonly ownersAfter: readonly string[];
  /** When all has come to rest after that. */
  readonly ownersAtLast: readonly string[];
  /** From the fault's beginning on until it is put right: how long nobody owned, all in all. */
  readonly nobodyUs: number;
  /** From the fault's beginning until for the first time nobody owned; undefined: somebody always did. */
  readonly keptUs: number | undefined;
  readonly twoOwnersUs: number;
  /** A rule of the election that was broken: a defect of the program, never of a configuration. */
  readonly broken: { readonly rule: Rule; readonly message: string } | undefined;
};

const SECOND_US = 1_000_000;
/** Booted so long ago that no promise of a former run can bind anybody. */
const UPTIME_US = 60 * SECOND_US;
/** Without promises to wait for, agents that start come to rest in that time. */
const REST_US = 3 * SECOND_US;
/** Witnesses that are away for as long as that have had all its consequences. */
const BEFORE_US = 12 * SECOND_US;
/** Crystals that no time server corrects, either way. */
const RATE_ERROR = 0.0002;
/** Hosts that have other things to do. */
const PAUSES = { pauseChance: 0.002, pauseMaxUs: 2000 };
const NEAREST_SHARE = 0.7;
/** What two owners are is measured; policy "available" allows them, and what follows from them. */
const TWO_OWNERS: readonly Rule[] = ['two owners in the kernel'];
const WITHOUT_QUORUM: readonly Rule[] = ['two owners in the kernel', 'lease containment', 'ballots do not grow'];
const LIMIT_EVENTS = 20_000_000;

/** Plays one fault once, from rest. The same seed has the same course. `tampering` breaks a rule, to see that it is seen. */
export function runTrial(setting: Setting, fault: Fault, seed: number, tampering?: Tampering): Trial {
  const world = worldOf(setting, seed, tampering);
  let beganUs = 0;
  let endedUs: number | undefined;
  let broken: Trial['broken'];
  try {
    bringToRest(world, setting, seed);
    if (fault.before !== undefined) {
      fault.before(world);
      world.runFor(BEFORE_US + 4 * setting.intervalUs);
    }
    world.runFor(world.random.between(0, 2 * setting.intervalUs));
    beganUs = world.nowUs;
    fault.begin(world, setting);
    world.runFor(lastsUs(fault, setting));
    endedUs = world.nowUs;
    if (fault.end !== undefined) {
      fault.end(world);
      world.runFor(restingUs(setting));
    }
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    broken = { rule: error.rule, message: error.message };
  }
  const { nowUs } = world;
  return measure(world.tenures.all, { seed, broken, beganUs, endedUs: endedUs ?? nowUs, nowUs });
}

/** How much time one run takes in the simulated world, roughly. */
export function simulatedUs(setting: Setting, fault: Fault): number {
  const beforeUs = REST_US + (fault.before === undefined ? 0 : BEFORE_US);
  return beforeUs + lastsUs(fault, setting) + (fault.end === undefined ? 0 : restingUs(setting));
}

function measure(
  tenures: readonly Tenure[],
  {
    seed,
    broken,
    beganUs,
    endedUs,
    nowUs,
  }: Pick<Trial, 'seed' | 'broken'> & Record<'beganUs' | 'endedUs' | 'nowUs', number>,
): Trial {
  const vacancyUs = firstVacancyUs(tenures, beganUs, endedUs);
  return {
    seed,
    owners: ownersBetween(tenures, beganUs, endedUs),
    ownersAfter: ownersAt(tenures, endedUs),
    ownersAtLast: ownersAt(tenures, nowUs),
    nobodyUs: endedUs - beganUs - ownedUs(tenures, 1, beganUs, endedUs),
    keptUs: vacancyUs === undefined ? undefined : vacancyUs - beganUs,
    twoOwnersUs: ownedUs(tenures, 2, beganUs, nowUs),
    broken,
  };
}

function ownersBetween(tenures: readonly Tenure[], fromUs: number, toUs: number): string[] {
  return tenures
    .filter((tenure) => tenure.untilUs >= fromUs && tenure.fromUs < toUs)
    .sort((left, right) => left.fromUs - right.fromUs)
    .map(({ node }) => node)
    .filter((node, index, all) => node !== all[index - 1]);
}

function ownersAt(tenures: readonly Tenure[], atUs: number): string[] {
  return tenures.filter(({ fromUs, untilUs }) => fromUs <= atUs && atUs < untilUs).map(({ node }) => node);
}

function worldOf(setting: Setting, seed: number, tampering: Tampering | undefined): World {
  const { intervalUs, witnessRttUs, policy } = setting;
  const random = new Random(seed);
  const rate = (): number => random.between(1 - RATE_ERROR, 1 + RATE_ERROR);
  const oneWayUs = witnessRttUs / 2;
  const world = new World({
    seed,
    intervalUs,
    agents: setting.nodes.length,
    hasWitness: setting.hasWitness,
    policy,
    priorities: Object.fromEntries(setting.priorities.map((priority, index) => [placeOf(index), priority])),
    version: setting.version,
    preemptDelayUs: setting.preemptDelayUs,
    rates: Object.fromEntries([...NODE_NAMES, 'w'].map((place) => [place, rate()])),
    uplink: { ...GOOD_LINK, delayMinUs: NEAREST_SHARE * oneWayUs, delayMaxUs: oneWayUs },
    relays: setting.hasWitness,
    ...(tampering === undefined ? {} : { tampering }),
  });
  for (const rule of policy.name === 'available' ? WITHOUT_QUORUM : TWO_OWNERS) world.monitor.ignored.add(rule);
  world.schedule.limits = { events: LIMIT_EVENTS, untilUs: Number.POSITIVE_INFINITY };
  world.setTroubles({ ...NO_TROUBLES, ...PAUSES });
  return world;
}

/** All agents run, the first one owns, and nobody counts on the witness. */
function bringToRest(world: World, setting: Setting, seed: number): void {
  const { intervalUs } = setting;
  for (const agent of world.agents) {
    agent.disk.boot(agent.localUs() - UPTIME_US);
    world.schedule.after(world.random.between(0, intervalUs / 4), () => agent.start());
  }
  world.runFor(REST_US + 8 * intervalUs);
  if (world.owner !== placeOf(0)) {
    for (const agent of world.agents) agent.handOver(placeOf(0));
    world.runFor(SECOND_US + 8 * intervalUs);
  }
  if (world.owner !== placeOf(0)) throw new Error(`the first node does not come to own, with seed ${seed}`);
}
