import {
  boundTo,
  type Cause,
  formatBallot,
  type MemberEffect,
  type MemberState,
  votesNeeded,
  witnessVotes,
} from '@tiebreak/shared/lease';
import type { Decision } from '../history/index.ts';

export type VoteState = 'granted' | 'bound_elsewhere' | 'free' | 'unreachable' | 'quarantined' | 'departed';
export type VoteReport = { readonly voter: string; readonly state: VoteState; readonly remainingMs: number | null };

export const WITNESS_VOTER = 'witness';

/** A peer that has said nothing for this many intervals is silent. */
const SILENT_INTERVALS = 1.5;

export function isHeard(state: MemberState, peer: string, nowUs: number): boolean {
  const heardAtUs = state.peers[peer]?.heardAtUs ?? Number.NEGATIVE_INFINITY;
  return nowUs - heardAtUs <= SILENT_INTERVALS * state.config.intervalUs;
}

/** Every voter as this node sees it: its own register first, then the peers, then the witness. */
export function votesOf(state: MemberState, nowUs: number, witnessReachable: boolean): VoteReport[] {
  const votes = [ownVote(state, nowUs), ...state.config.peers.map((peer) => peerVote(state, peer, nowUs))];
  if (hasWitnessVote(state)) votes.push(witnessVote(state, nowUs, witnessReachable));
  return votes;
}

/** Where the number of agents is odd, the witness has no vote. */
export function hasWitnessVote({ config }: MemberState): boolean {
  return witnessVotes(config.peers.length + 1, config.witness);
}

/** How many of the votes this node may count: those granted to it, and that of a peer that has departed (L17). */
export function countHeld(votes: readonly VoteReport[], node: string): number {
  return votes.filter(({ voter, state }) => state === 'granted' || (state === 'departed' && voter !== node)).length;
}

function ownVote(state: MemberState, nowUs: number): VoteReport {
  const { config, role, register, kept } = state;
  if (kept.written?.kind === 'departed') return report(config.node, 'departed');
  if (role.name === 'initialize') return report(config.node, 'quarantined', role.untilUs, nowUs);
  const bound = boundTo(register, nowUs);
  if (bound === undefined) return report(config.node, 'free');
  return report(config.node, bound.holder === config.node ? 'granted' : 'bound_elsewhere', bound.untilUs, nowUs);
}

function peerVote(state: MemberState, peer: string, nowUs: number): VoteReport {
  if (state.departed.vote?.counts === true && state.departed.vote.voter === peer) return report(peer, 'departed');
  const view = state.peers[peer];
  if (view !== undefined && view.voteUntilUs > nowUs) return report(peer, 'granted', view.voteUntilUs, nowUs);
  if (view === undefined || !isHeard(state, peer, nowUs)) return report(peer, 'unreachable');
  const { verdict } = view;
  if (verdict?.kind === 'refused') {
    const untilUs = view.verdictAtUs + verdict.remainingMs * 1000;
    if (verdict.reason === 'quarantined' && untilUs > nowUs) return report(peer, 'quarantined', untilUs, nowUs);
    if (verdict.reason === 'bound' && untilUs > nowUs) return report(peer, 'bound_elsewhere', untilUs, nowUs);
  }
  // Whoever our own vote is bound to has bound its own one to itself.
  return report(peer, boundTo(state.register, nowUs)?.holder === peer ? 'bound_elsewhere' : 'free');
}

function witnessVote({ witness }: MemberState, nowUs: number, reachable: boolean): VoteReport {
  if (witness.voteUntilUs > nowUs) return report(WITNESS_VOTER, 'granted', witness.voteUntilUs, nowUs);
  if (!reachable) return report(WITNESS_VOTER, 'unreachable');
  const { refusal } = witness;
  if (refusal === undefined || refusal.untilUs <= nowUs) return report(WITNESS_VOTER, 'free');
  // Nobody's to be waited for: it has no vote for this group.
  if (refusal.reason === 'too_many_groups') return report(WITNESS_VOTER, 'unreachable');
  const state = refusal.reason === 'recovering' ? 'quarantined' : 'bound_elsewhere';
  return report(WITNESS_VOTER, state, refusal.untilUs, nowUs);
}

function report(voter: string, state: VoteState, untilUs = Number.POSITIVE_INFINITY, nowUs = 0): VoteReport {
  return { voter, state, remainingMs: Number.isFinite(untilUs) ? Math.max(0, (untilUs - nowUs) / 1000) : null };
}

const CAUSES: Readonly<Record<Cause, string>> = {
  started: 'the agent has started',
  quarantine_over: 'every promise of an earlier run has run out',
  register_restored: 'the votes of an earlier run bind on as they were recorded',
  down_timer: 'nothing was heard of an owner until the down timer fired',
  transferred: 'the owner has closed its fence and handed over to this node',
  released: 'the owner has closed its fence and released the votes',
  forced: 'an operator has forced the takeover',
  votes_complete: 'a majority has voted for this node and the kernel has opened the fence',
  votes_missing: 'no majority in time; what was granted is given back',
  outbid: 'another node stands with a higher ballot; what was granted is given back',
  owner_heard: 'another node owns the group',
  fence_refused: 'the kernel did not open the fence; what was granted is given back',
  fence_lost: 'the kernel did not confirm the fence',
  lease_ended: 'the votes ran out and the kernel has closed the fence',
  higher_ballot: 'another node owns the group with a higher ballot',
  handover: 'an operator has asked for the handover',
  preempted: 'a node of higher priority asks for the group',
  clock_gap: 'this host was suspended, and what its clocks say of that time is not trusted',
  link_lost: 'an interface of the group has lost its link',
  check_failed: 'a check of the group fails',
  maintenance: 'this node is in maintenance',
  stop: 'the agent is stopping',
  left: 'the agent has left',
};

/** What follows, for the person who reads the log at night. */
function outlook(state: MemberState): string {
  switch (state.role.name) {
    case 'initialize':
      return 'it votes and stands when the quarantine ends';
    case 'backup':
      if (state.fitness.unfit !== undefined) return 'it votes, and does not stand before that is over';
      return 'it stands when the down timer fires';
    case 'candidate':
      return 'it asks the other voters';
    case 'active':
      return 'it answers for the addresses';
    case 'closing':
      return 'the fence is being closed';
    case 'leaving':
      return state.role.departs ? 'it leaves its vote to its successor' : 'its successor may take over';
    case 'stopped':
      return 'nothing more';
  }
}

export type Told = {
  readonly level: 'debug' | 'info' | 'warn';
  readonly fields: Readonly<Record<string, unknown>>;
  readonly text: string;
};

export type ToldTransition = Told & { readonly decision: Decision };

/** A change of role for the log and the history: what changed, why, with which votes, and what happens next. */
export function explainTransition(
  state: MemberState,
  { from, to, cause }: Extract<MemberEffect, { type: 'transition' }>,
  reports: readonly VoteReport[],
  atMs: number,
): ToldTransition {
  const { group, node, peers, witness } = state.config;
  const ballot = 'ballot' in state.role ? state.role.ballot : state.register.highestGranted;
  const held = countHeld(reports, node);
  const needed = votesNeeded(peers.length + 1, witness);
  const each = reports.map(({ voter, state: vote, remainingMs }) => `${voter} ${vote}${remaining(remainingMs)}`);
  const votes = reports.map(({ voter, state: vote, remainingMs }) => ({
    voter,
    state: vote,
    remaining_ms: remainingMs === null ? null : Math.round(remainingMs),
  }));
  const text = `${group}: ${from} -> ${to}: ${CAUSES[cause]} (ballot ${formatBallot(ballot)}, ${held} of ${needed} votes: ${each.join(', ')}); ${outlook(state)}`;
  const shared = { group, from, to, cause, votes };
  return {
    level: level(from, to),
    fields: { ...shared, ballot: formatBallot(ballot), votes_held: held, votes_needed: needed },
    text,
    decision: { at: new Date(atMs).toISOString(), ...shared, ballot: { ...ballot }, text },
  };
}

/** The log line of a peer that fell silent or is heard again, and what that means for the group. */
export function explainPeer(state: MemberState, peer: string, heard: boolean): Told {
  const { group } = state.config;
  const fields = { group, peer, peer_state: heard ? 'heard' : 'silent' };
  if (heard) return { level: 'info', fields, text: `${group}: peer ${peer} is heard` };
  return { level: 'warn', fields, text: `${group}: peer ${peer} is silent; ${withoutPeer(state, peer)}` };
}

function withoutPeer(state: MemberState, peer: string): string {
  const { config, departed, role } = state;
  if (role.name !== 'active') return 'this node stands when the down timer fires, unless the peer keeps a majority';
  if (departed.vote?.counts === true && departed.vote.voter === peer) {
    return 'it has left its vote to this node, which keeps the addresses until it is back';
  }
  if (config.policy.name === 'available') return 'this node keeps the addresses, with a majority or without';
  const by = hasWitnessVote(state) ? "by the witness's vote, as long as it gets it" : 'as long as it gets a majority';
  return `this node keeps the addresses ${by}`;
}

function remaining(ms: number | null): string {
  return ms === null ? '' : ` for ${Math.round(ms)} ms`;
}

function level(from: string, to: string): Told['level'] {
  if (to === 'active' || from === 'closing') return 'warn';
  return to === 'candidate' || from === 'candidate' || to === 'closing' ? 'debug' : 'info';
}
