import type { NodeName, Place, World } from '../simulation/index.ts';
import { hasVotingWitness, masterDownUs, placeOf, type Setting } from './setting.ts';

/** One row of the table: what befalls a group that is at rest, with its first node as owner. */
export type Fault = {
  /** Stable, for machines. */
  readonly id: string;
  readonly text: (names: Names) => string;
  /** What has been so for long when it happens. */
  readonly before?: (world: World) => void;
  readonly begin: (world: World, setting: Setting) => void;
  /** Puts everything right again; without, it stays as it is. */
  readonly end?: (world: World) => void;
  /** It is watched for so long before it is put right; without, until all has long come to rest. */
  readonly lastsUs?: (setting: Setting) => number;
};

/** As the user calls them; `peers` as one phrase. */
export type Names = { readonly owner: string; readonly peer: string; readonly peers: string };

const SECOND_US = 1_000_000;
/** An owner yields to preemption no sooner. */
const TENURE_US = 10 * SECOND_US;
/** Nobody waits for more in a simulation: such a group is told of as it is before it moves back. */
const PREEMPT_DELAY_MAX_US = 60 * SECOND_US;
const OWNER: NodeName = placeOf(0);
const WITNESS: Place = 'w';
const FROZEN_MIN_US = 3 * SECOND_US;

export function namesOf({ nodes: [owner = '', ...others] }: Setting): Names {
  const last = others.at(-1) ?? '';
  const peers = others.length === 1 ? last : `${others.slice(0, -1).join(', ')} and ${last}`;
  return { owner, peer: others[0] ?? '', peers };
}

/** Those that such a group can meet with. */
export function faultsOf(setting: Setting): Fault[] {
  return hasVotingWitness(setting) ? [...AGENT_FAULTS, ...WITNESS_FAULTS] : [...AGENT_FAULTS];
}

/** How long the fault is watched before it is put right. */
export function lastsUs(fault: Fault, setting: Setting): number {
  return fault.lastsUs?.(setting) ?? restingUs(setting);
}

/** By then a group has come to rest, preemption included. */
export function restingUs(setting: Setting): number {
  const { preemptDelayUs, intervalUs } = setting;
  const delayUs = Math.min(preemptDelayUs ?? 0, PREEMPT_DELAY_MAX_US);
  const backUs = preemptDelayUs === undefined ? 0 : TENURE_US + delayUs + SECOND_US + 4 * intervalUs;
  return Math.max(6 * SECOND_US, 4 * masterDownUs(setting)) + backUs;
}

/** The same, and every long promise has run out. */
function promiseGoneUs(setting: Setting): number {
  const { policy } = setting;
  return restingUs(setting) + (policy.name === 'bias' ? policy.promiseMs * 1000 : 0);
}

/** Longer than any promise of the owner's: another one has long taken over. */
function frozenUs(setting: Setting): number {
  return Math.max(FROZEN_MIN_US, 2 * masterDownUs(setting));
}

function peersIn(world: World): NodeName[] {
  return world.nodes.filter((node) => node !== OWNER);
}

function cutOwner(world: World): void {
  for (const peer of peersIn(world)) world.cutBoth(OWNER, peer);
}

function mendOwner(world: World): void {
  for (const peer of peersIn(world)) world.mendBoth(OWNER, peer);
}

function cutWitness(world: World): void {
  for (const node of world.nodes) world.cutBoth(node, WITNESS);
}

function mendWitness(world: World): void {
  for (const node of world.nodes) world.mendBoth(node, WITNESS);
}

/** The kernel tells of a lost carrier. */
const CARRIER_NOTICED_US = 1_000;
const FAR_US = 3600 * SECOND_US;

const AGENT_FAULTS: readonly Fault[] = [
  { id: 'planned_stop', text: ({ owner }) => `${owner} is stopped in order`, begin: (world) => world.a.stop('depart') },
  {
    id: 'handover',
    text: ({ owner }) => `an operator hands over from ${owner}`,
    begin: (world) => world.a.handOver(undefined),
  },
  {
    id: 'check_failed',
    text: ({ owner }) => `a check of ${owner} fails`,
    begin: (world) => world.a.becomeUnfit('check_failed', FAR_US),
  },
  { id: 'engine_dies', text: ({ owner }) => `the engine of ${owner} dies`, begin: (world) => world.a.crashEngine() },
  {
    id: 'engine_and_guardian_killed',
    text: ({ owner }) => `engine and guardian of ${owner} are killed`,
    begin: (world) => world.a.crash(),
  },
  {
    id: 'freeze_and_thaw',
    text: ({ owner }) => `${owner} is frozen, and thaws`,
    begin: (world, setting) => world.a.pause(frozenUs(setting)),
    // It thaws by itself.
    end: () => {},
    lastsUs: frozenUs,
  },
  { id: 'host_lost', text: ({ owner }) => `the host of ${owner} is lost`, begin: (world) => world.a.reboot() },
  { id: 'peer_lost', text: ({ peer }) => `the host of ${peer} is lost`, begin: (world) => world.b.reboot() },
  {
    id: 'lan_link_lost',
    text: ({ owner }) => `${owner} loses its LAN link`,
    begin: (world) => {
      cutOwner(world);
      world.schedule.after(CARRIER_NOTICED_US, () => world.a.becomeUnfit('link_lost', FAR_US));
    },
  },
  {
    id: 'link_cut',
    text: ({ owner, peers }) => `the link between ${owner} and ${peers} is cut`,
    begin: cutOwner,
    end: mendOwner,
  },
  {
    id: 'owner_unheard',
    text: ({ owner, peers }) => `nothing from ${owner} reaches ${peers}`,
    begin: (world) => {
      for (const peer of peersIn(world)) world.cut(OWNER, peer);
    },
    end: (world) => {
      for (const peer of peersIn(world)) world.mend(OWNER, peer);
    },
  },
  {
    id: 'owner_deaf',
    text: ({ owner, peers }) => `nothing from ${peers} reaches ${owner}`,
    begin: (world) => {
      for (const peer of peersIn(world)) world.cut(peer, OWNER);
    },
    end: (world) => {
      for (const peer of peersIn(world)) world.mend(peer, OWNER);
    },
  },
];

const WITNESS_FAULTS: readonly Fault[] = [
  {
    id: 'owner_isolated',
    text: ({ owner, peers }) => `${owner} is cut off from ${peers} and the witness`,
    begin: (world) => {
      cutOwner(world);
      world.cutBoth(OWNER, WITNESS);
    },
    end: (world) => {
      mendOwner(world);
      world.mendBoth(OWNER, WITNESS);
    },
  },
  {
    id: 'witness_away',
    text: () => 'the witness is down, then up',
    begin: cutWitness,
    end: mendWitness,
    lastsUs: (setting) => restingUs(setting) + 10 * SECOND_US,
  },
  {
    id: 'witness_away_link_cut',
    text: ({ owner, peers }) => `the witness is down, then the link between ${owner} and ${peers} is cut`,
    before: cutWitness,
    begin: cutOwner,
    end: (world) => {
      mendOwner(world);
      mendWitness(world);
    },
    lastsUs: promiseGoneUs,
  },
  {
    id: 'witness_away_host_lost',
    text: ({ owner }) => `the witness is down, then the host of ${owner} is lost`,
    before: cutWitness,
    begin: (world) => world.a.reboot(),
    end: mendWitness,
    lastsUs: promiseGoneUs,
  },
];
