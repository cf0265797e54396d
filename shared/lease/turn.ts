import type { Ballot } from './ballot.ts';
import { highestBallot, nextBallot } from './ballot.ts';
import { KAPPA, PROMISE_INTERVALS, PROMISE_MAX_MS } from './constants.ts';
import type { DepartedView } from './departure.ts';
import type { Identity, IdentityChange } from './identity-change.ts';
import type { KeptPromiseView } from './kept-promise.ts';
import type {
  Cause,
  Fitness,
  MemberConfig,
  MemberEffect,
  MemberState,
  PeerView,
  Role,
  WitnessView,
} from './member.types.ts';
import { leaseEndUs, votesNeeded, witnessVotes } from './quorum.ts';
import type { RegisterRecord } from './record.ts';
import type { Register } from './register.ts';

/** One step under way: a copy of the state to write on, and the effects so far. Never outlives its step. */
export type Turn = {
  config: MemberConfig;
  wanted: Identity;
  change: IdentityChange | undefined;
  generation: number;
  readonly nowUs: number;
  readonly effects: MemberEffect[];
  register: Register;
  recorded: RegisterRecord | undefined;
  highestSeen: Ballot;
  fitness: Fitness;
  kept: KeptPromiseView;
  departed: DepartedView;
  readonly peers: Record<string, PeerView>;
  readonly witness: WitnessView;
  seed: number;
  role: Role;
};

export function beginTurn(state: MemberState, nowUs: number): Turn {
  const peers: Record<string, PeerView> = {};
  for (const node in state.peers) {
    const view = state.peers[node];
    if (view !== undefined) peers[node] = { ...view };
  }
  const { config, wanted, change, generation, register, recorded, highestSeen, fitness, kept, departed, seed, role } =
    state;
  const [effects, witness]: [MemberEffect[], WitnessView] = [[], { ...state.witness }];
  return {
    config,
    wanted,
    change,
    generation,
    nowUs,
    effects,
    register,
    recorded,
    highestSeen,
    fitness,
    kept,
    departed,
    peers,
    witness,
    seed,
    role,
  };
}

export function endTurn(turn: Turn): MemberState {
  const { config, wanted, change, generation, register, recorded, highestSeen, fitness, kept, departed } = turn;
  const { peers, witness, seed, role } = turn;
  return {
    config,
    wanted,
    change,
    generation,
    register,
    recorded,
    highestSeen,
    fitness,
    kept,
    departed,
    peers,
    witness,
    seed,
    role,
  };
}

/** The only way to change the role's name, so that every change is told with its cause. */
export function become(turn: Turn, role: Role, cause: Cause): void {
  turn.effects.push({ type: 'transition', from: turn.role.name, to: role.name, cause });
  turn.role = role;
}

/** A backup that stands at `standAtUs` if nothing happens before. */
export function becomeBackup(turn: Turn, standAtUs: number, cause: Cause, standBecause: Cause = 'down_timer'): void {
  const none = { heardAtUs: undefined, superiorSinceUs: undefined, goesOnAtUs: undefined, ready: undefined } as const;
  const backup = { name: 'backup', standAtUs, standBecause, wants: false, ...none } as const;
  if (turn.role.name === 'backup') turn.role = backup;
  else become(turn, backup, cause);
}

export function see(turn: Turn, ballot: Ballot): void {
  turn.highestSeen = highestBallot(turn.highestSeen, ballot);
}

/** The ballot above which this node's next one will be: all that it has seen, granted or used. */
export function highestKnown({ register, highestSeen }: Turn | MemberState): Ballot {
  return [register.highestGranted, register.released].reduce(highestBallot, highestSeen);
}

export function takeNextBallot(turn: Turn): Ballot {
  const ballot = nextBallot(highestKnown(turn), turn.config.node);
  turn.highestSeen = ballot;
  return ballot;
}

/** This node's own promise for its interval, in µs. */
export function promiseUs(config: MemberConfig): number {
  return Math.min(PROMISE_INTERVALS * config.intervalUs, PROMISE_MAX_MS * 1000);
}

/** How long a vote binds, in ms, that was asked for with a promise of `askedMs`: the longer one counts (L16). */
export function promiseForMs(config: MemberConfig, askedMs: number): number {
  return Math.min(PROMISE_MAX_MS, Math.max(askedMs, promiseUs(config) / 1000));
}

/** RFC 9568 Active_Down_Interval, by the priority that the node has now. */
export function downUs({ config, fitness }: Pick<MemberState, 'config' | 'fitness'>): number {
  return 3 * config.intervalUs + fitness.skewUs;
}

/** Whether the witness is one of this group's voters. */
export function hasWitness({ peers, witness }: MemberConfig): boolean {
  return witnessVotes(peers.length + 1, witness);
}

export function needed(config: MemberConfig): number {
  return votesNeeded(config.peers.length + 1, config.witness);
}

/** Until when this node believes in a peer's vote: without end in that of one that has departed (L17). */
export function peerVoteUntilUs({ peers, departed }: Turn | MemberState, node: string): number {
  if (departed.vote?.counts === true && departed.vote.voter === node) return Number.POSITIVE_INFINITY;
  return peers[node]?.voteUntilUs ?? Number.NEGATIVE_INFINITY;
}

/** When the lease ends by the votes that count now; a vote that is being given back does not. */
export function currentLeaseEndUs(turn: Turn | MemberState): number {
  const votes: number[] = [];
  for (const node in turn.peers) votes.push(peerVoteUntilUs(turn, node));
  if (hasWitness(turn.config) && !turn.witness.returning) votes.push(turn.witness.voteUntilUs);
  return leaseEndUs(votes, needed(turn.config));
}

/**
 * When the fence must be closed at the latest: the lease's end. Under policy `available` an owner, or a candidate that has found
 * nobody there, does without votes, but not without a sign of its own life: nobody stands earlier after the last heartbeat.
 */
export function ownershipEndUs(turn: Turn | MemberState): number {
  const { config, role } = turn;
  const leaseEndUs = currentLeaseEndUs(turn);
  const byOwnVote = role.name === 'active' || (role.name === 'candidate' && role.alone);
  if (config.policy.name !== 'available' || !byOwnVote) return leaseEndUs;
  let heardUs = Number.POSITIVE_INFINITY;
  for (const node in turn.peers) heardUs = Math.min(heardUs, turn.peers[node]?.lastSentUs ?? Number.NEGATIVE_INFINITY);
  return Math.max(leaseEndUs, heardUs + KAPPA * promiseUs(config));
}

/** The longest promise that a peer may give, in ms. */
export function promiseMaxMs({ policy }: MemberConfig): number {
  return policy.name === 'bias' ? Math.max(PROMISE_MAX_MS, policy.promiseMs) : PROMISE_MAX_MS;
}

/** Policy `available`: this node owns by its own vote alone, so that there may be two owners. */
export function ownsUnprotected(state: MemberState, nowUs: number): boolean {
  return state.role.name === 'active' && currentLeaseEndUs(state) <= nowUs;
}

/** Uniform in [0, 1); the state carries its own source of chance so that one seed reproduces a run (mulberry32). */
export function takeRandom(turn: Turn): number {
  turn.seed = (turn.seed + 0x6d2b79f5) | 0;
  let mixed = Math.imul(turn.seed ^ (turn.seed >>> 15), 1 | turn.seed);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}
