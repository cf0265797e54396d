/**
 * Watches every step of a run: the invariants of reference/leases.md 7.1, checked in real time. Where each one is checked:
 *
 *  1 single owner                  'two owners in the kernel': at each act that opens or extends a fence
 *  2 lease containment             'lease containment': at each such act, and whenever a voter's register has changed
 *  3 belief within the register    'belief exceeds the register': whenever a belief grows or a register changes
 *  4 register exclusivity          'register changed its holder': register-rules.ts for agents, witness-host.ts for W
 *  5 an owner votes for nobody     'an owner granted': at each grant; of a guardian as well, with 'the guardian gave a vote
 *                                  that was not its own'
 *  6 ballots grow                  'ballots do not grow': at each opening; that those granted and released never sink is in
 *                                  register-rules.ts, that W has stored what it replies under 7
 *  7 reply after persist           'an answer was not stored': witness-host.ts, at each grant that leaves W
 *  8 quarantine                    'voted in quarantine': by the start that the monitor has seen itself, not by the role;
 *                                  for W (TTL_MAX of a new instance) under 4
 *  9 kernel expiry within D        'lease containment', in the clocks of those who gave the votes
 * 10 idempotency                   'a replay counted': agent-shell.ts (within one run of the receiver) and witness-host.ts
 * 11 no vote across configuration  'a vote crossed configurations', 'identities not agreed'; across witnesses:
 *                                  'unauthenticated input counted', and 2 and 3, which ask the witness of the identity
 * 12 RELEASE behind a closed fence 'released before the fence was closed': agents, guardians, and W's vote
 * 13 unauthenticated input         'unauthenticated input counted': forged advertisements here, forged frames in
 *                                  witness-access.ts
 * 14 one owner in bounded time     'no owner after the faults', 'identity not reached', after every kind of seed
 * 15 W moves nothing               'moved without need', 'interrupted without need': kind witness
 * 16 link cut, W near              the same: kind link
 * 17 no dead end                   as 14, from wherever chaos has led; 'does not end' and 'ticks do not settle' for the shell
 * 18 one move for one fault        'moved more than once for one fault': kind single
 * Planned changes (fitness, hand-over, preemption) have 'a planned change failed', 'preemption failed' and 'moved without need'.
 */
import {
  type Ballot,
  boundTo,
  type Cause,
  type Claim,
  claimOf,
  type FoundAtStart,
  type FoundRegister,
  isAgreed,
  leaseEndUs,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  PROMISE_MAX_MS,
  peerVoteUntilUs,
  votesNeeded,
  witnessVotes,
} from '@tiebreak/shared/lease';
import type { AgentShell } from './agent-shell.ts';
import type { Identities, WitnessName } from './group-identity.ts';
import { checkRegister } from './register-rules.ts';
import type { Schedule } from './schedule.ts';
import type { Timeline } from './timeline.ts';
import { type Rule, Violation } from './violation.ts';
import type { WitnessHost } from './witness-host.ts';

/** Floating-point clocks; far below anything that matters. */
const TOLERANCE_US = 2;

/** `after`: why the owner before gave up; undefined: it did not say so, or there was none. */
export type Ownership = {
  readonly node: string;
  readonly ballot: Ballot;
  readonly atUs: number;
  readonly after: Cause | undefined;
};

/** What an operator, a check or the configuration wants. */
const PLANNED: readonly Cause[] = ['handover', 'preempted', 'link_lost', 'check_failed', 'maintenance', 'stop'];

export class Monitor {
  /** Every node that opened its fence, in order; a move is when two in a row differ. */
  readonly ownerships: Ownership[] = [];
  /** Rules that are not enforced: to see what a defect leads to in the end. */
  readonly ignored = new Set<Rule>();
  readonly #schedule: Schedule;
  readonly #timeline: Timeline;
  readonly #group: string;
  #agents: readonly AgentShell[] = [];
  #witnesses: ReadonlyMap<WitnessName, WitnessHost> = new Map();
  #identities: Identities | undefined;
  #needed = 2;
  /** by each node's own clock: until when its last start forbids it to vote for anyone new, and to stand (L9) */
  readonly #quarantines = new Map<string, number>();
  #witnessForgotAtUs = Number.NEGATIVE_INFINITY;
  #lastClosing: { readonly node: string; readonly cause: Cause } | undefined;

  constructor(schedule: Schedule, timeline: Timeline, group: string) {
    this.#schedule = schedule;
    this.#timeline = timeline;
    this.#group = group;
  }

  watch(agents: readonly AgentShell[], witnesses: ReadonlyMap<WitnessName, WitnessHost>, identities: Identities): void {
    this.#agents = agents;
    // As many with a witness as without.
    this.#needed = votesNeeded(agents.length, true);
    this.#identities = identities;
    if (witnessVotes(agents.length, true)) this.#witnesses = witnesses;
  }

  get moves(): number {
    return this.#moves().length;
  }

  /** Moves that nobody asked for. */
  get unplannedMoves(): number {
    return this.#moves().filter(({ after }) => after === undefined || !PLANNED.includes(after)).length;
  }

  #moves(): Ownership[] {
    return this.ownerships.filter(({ node }, index) => index > 0 && this.ownerships[index - 1]?.node !== node);
  }

  /** A new process of this agent; what it has found, it must go by. */
  started(agent: AgentShell, { register }: FoundAtStart): void {
    const knownUs = register.kind === 'new_boot' ? register.uptimeUs : 0;
    const waitUs = register.kind === 'recorded' ? 0 : Math.max(0, PROMISE_MAX_MS * 1000 - knownUs);
    this.#quarantines.set(agent.node, agent.localUs() + waitUs);
    this.voterChanged(agent);
    this.#checkIdentities(agent);
  }

  /** The node that answers for the group right now. */
  owner(): string | undefined {
    return this.#agents.find(({ fence }) => fence.isOpen(this.#schedule.nowUs))?.node;
  }

  memberStepped(agent: AgentShell, before: MemberState, event: MemberEvent, effects: readonly MemberEffect[]): void {
    const { state } = agent;
    if (state === undefined) return;
    const isSame = state.register === before.register;
    const complaint = isSame ? undefined : checkRegister(before, state, event, agent.localUs());
    if (complaint !== undefined) this.violated('register changed its holder', `${agent.node}: ${complaint}`);
    const { bound } = state.register;
    const isForOther = bound !== undefined && bound !== before.register.bound && bound.holder !== agent.node;
    if (event.type === 'advertisement' && isForOther)
      this.violated('unauthenticated input counted', `${agent.node}'s register changed by an advertisement`);
    if (event.type === 'force-takeover' || event.type === 'force-join') this.#quarantines.delete(agent.node);
    if (!isStanding(before) && isStanding(state) && this.#isQuarantined(agent))
      this.violated('voted in quarantine', `${agent.node} stands`);
    for (const effect of effects) {
      if (effect.type === 'send-verdict' && effect.verdict.kind === 'granted') this.#granted(agent, before, event);
      if (effect.type === 'transition' && effect.to === 'closing')
        this.#lastClosing = { node: agent.node, cause: effect.cause };
    }
    if (!isSame || state.role.name !== before.role.name) this.voterChanged(agent);
    this.#checkNewBeliefs(agent, before, state);
    if (state.change !== before.change || state.config.configHash !== before.config.configHash)
      this.#checkIdentities(agent);
  }

  witnessForgot(): void {
    this.#witnessForgotAtUs = this.#schedule.nowUs;
  }

  /** The kernel has acted on an open or a refresh. */
  fenceExtended(agent: AgentShell, wasOpen: boolean): void {
    const { nowUs } = this.#schedule;
    const until = (agent.fence.openUntilUs / 1000).toFixed(3);
    this.#timeline.note(nowUs, agent.node, () => `fence ${wasOpen ? 'extended' : 'opened'} until ${until}`);
    for (const other of this.#agents) {
      if (other === agent || !other.fence.isOpen(nowUs)) continue;
      const overlapUs = Math.min(other.fence.openUntilUs, agent.fence.openUntilUs) - nowUs;
      const text = `${agent.node} opened while ${other.node} is open, for up to ${(overlapUs / 1000).toFixed(1)} ms`;
      this.violated('two owners in the kernel', text);
    }
    this.#checkContainment(agent);
    if (!wasOpen) this.#becameOwner(agent);
  }

  releaseSent(agent: AgentShell): void {
    if (!agent.fence.isOpen(this.#schedule.nowUs)) return;
    this.violated('released before the fence was closed', `${agent.node} is still open`);
  }

  /** The fence must rest on what is left. */
  witnessReleased(agent: AgentShell): void {
    const heldUntilUs = leaseEndUs(this.#peerRegistersUntilUs(agent), this.#needed);
    if (!agent.fence.isOpen(this.#schedule.nowUs) || heldUntilUs + TOLERANCE_US >= agent.fence.openUntilUs) return;
    this.violated('released before the fence was closed', `${agent.node} gave W's vote back, but rests on it`);
  }

  /** This agent's vote is another one now, or its process is: what others believe of it must still be covered. */
  voterChanged(voter: AgentShell): void {
    for (const agent of this.#agents) {
      if (agent === voter) continue;
      const belief = isStanding(agent.state) ? peerVoteUntilUs(agent.state, voter.node) : Number.NEGATIVE_INFINITY;
      this.#checkBelief(agent, voter, belief);
      this.#checkContainment(agent);
    }
  }

  witnessChanged(): void {
    for (const agent of this.#agents) {
      this.#checkWitnessBelief(agent);
      this.#checkContainment(agent);
    }
  }

  violated(rule: Rule, detail: string): void {
    this.#timeline.note(this.#schedule.nowUs, '!!', () => `${rule}: ${detail}`);
    if (!this.ignored.has(rule)) throw new Violation(rule, detail, this.#schedule.nowUs);
  }

  /** A guardian has voted: for its own dead engine, behind a closed fence, and once (L5, L9, L10). */
  guardianVoted(agent: AgentShell, before: FoundRegister, from: string, claim: Claim): void {
    const { ballot } = claim;
    const record = before.kind === 'recorded' ? before.record : undefined;
    const isOwn = record?.holder === agent.node || (record?.holder === from && agent.lastWord === from);
    if (record === undefined || !isOwn || ballot.counter < record.highestGranted.counter)
      this.violated('the guardian gave a vote that was not its own', `${agent.node} to ${from}`);
    if (agent.fence.isOpen(this.#schedule.nowUs)) this.violated('an owner granted', `${agent.node}'s fence is open`);
    if (!agreesWith(agent.lastState, claim)) this.crossedConfigurations(agent.node, from);
    agent.lastWord = from;
    this.voterChanged(agent);
  }

  crossedConfigurations(voter: string, holder: string): void {
    this.violated('a vote crossed configurations', `${voter} voted for ${holder}`);
  }

  believedTwice(voter: { readonly node: string }, what: string): void {
    this.violated('a replay counted', `${voter.node} took a ${what} for a new one`);
  }

  believedForgery(agent: AgentShell): void {
    this.violated('unauthenticated input counted', `${agent.node} believed another witness`);
  }

  answeredUnstored(node: string, { counter, node: owner }: Ballot): void {
    this.violated('an answer was not stored', `W granted ${node} ${counter}.${owner}`);
  }

  witnessMovedVote(from: string, to: string): void {
    this.violated('register changed its holder', `W: ${from} lost it to ${to}`);
  }

  /** What each voter promises, for whoever reads of a violation. */
  votes(): string[] {
    const { nowUs } = this.#schedule;
    const inMs = (untilUs: number): string =>
      Number.isFinite(untilUs) ? `${((untilUs - nowUs) / 1000).toFixed(1)} ms more` : 'without end';
    const lines = this.#agents.map((agent) => {
      const { node, state, fence, lastWord } = agent;
      const open = fence.isOpen(nowUs) ? `, fence open for ${inMs(fence.openUntilUs)}` : '';
      if (state === undefined)
        return `${node}: gone${lastWord === undefined ? '' : `, has voted for ${lastWord}`}${open}`;
      const bound = boundTo(state.register, agent.localUs());
      const vote =
        bound === undefined ? 'vote free' : `votes for ${bound.holder} ${inMs(agent.clock.realUs(bound.untilUs))}`;
      const beliefs = this.#agents.flatMap((voter) => {
        const untilUs =
          voter === agent ? Number.NEGATIVE_INFINITY : agent.clock.realUs(peerVoteUntilUs(state, voter.node));
        return untilUs > nowUs ? [`${voter.node} ${inMs(untilUs)}`] : [];
      });
      const byWitnessUs = agent.clock.realUs(state.witness.voteUntilUs);
      if (byWitnessUs > nowUs) beliefs.push(`${this.#witnessOf(agent)?.name ?? 'no witness'} ${inMs(byWitnessUs)}`);
      return `${node}: ${state.role.name}, ${vote}${open}${beliefs.length === 0 ? '' : `; counts on ${beliefs.join(', ')}`}`;
    });
    for (const [name, witness] of this.#witnesses) {
      const holder = witness.holder(this.#group);
      const until = holder === undefined ? '' : ` ${inMs(witness.boundUntilUs(this.#group, holder))}`;
      lines.push(`${name}: ${holder === undefined ? 'vote free' : `votes for ${holder}${until}`}`);
    }
    return lines;
  }

  #isQuarantined(agent: AgentShell): boolean {
    return agent.localUs() < (this.#quarantines.get(agent.node) ?? Number.NEGATIVE_INFINITY);
  }

  #granted(agent: AgentShell, before: MemberState, event: MemberEvent): void {
    const { state } = agent;
    const name = state?.role.name;
    if (name === 'active' || name === 'closing' || name === 'candidate')
      this.violated('an owner granted', `${agent.node} as ${name}`);
    const from = event.type === 'claim' ? event.from : '';
    const isKnown = boundTo(before.register, agent.localUs())?.holder === from;
    if ((name === 'initialize' || this.#isQuarantined(agent)) && !isKnown)
      this.violated('voted in quarantine', agent.node);
    if (event.type === 'claim' && !agreesWith(state, event.claim)) this.crossedConfigurations(agent.node, from);
    if (agent.fence.isOpen(this.#schedule.nowUs)) this.violated('an owner granted', `${agent.node}'s fence is open`);
  }

  /** Ownership begins with the kernel's act: the process may hear of it much later. */
  #becameOwner(agent: AgentShell): void {
    const role = agent.state?.role;
    if (role?.name !== 'candidate') return;
    const { ballot } = role;
    const last = this.ownerships.at(-1);
    const grows =
      last === undefined ||
      ballot.counter > last.ballot.counter ||
      (ballot.counter === last.ballot.counter && ballot.node > last.ballot.node);
    const closing = this.#lastClosing;
    const after = closing?.node === last?.node ? closing?.cause : undefined;
    this.#lastClosing = undefined;
    this.ownerships.push({ node: agent.node, ballot, atUs: this.#schedule.nowUs, after });
    // Nobody else may know of the ballots that the witness has forgotten: safety does not hang on it.
    if (grows || this.#witnessForgotAtUs >= last.atUs) return;
    const [now, then] = [ballot, last.ballot].map(({ counter, node }) => `${counter}.${node}`);
    this.violated('ballots do not grow', `${now} follows ${then}`);
  }

  /** What a holder believes ends no later than the voter's register, in real time (L2): looked at when it believes more. */
  #checkNewBeliefs(agent: AgentShell, before: MemberState, after: MemberState): void {
    if (!isStanding(after)) return;
    const stood = isStanding(before);
    for (const voter of this.#agents) {
      if (voter === agent) continue;
      const belief = peerVoteUntilUs(after, voter.node);
      if (!stood || belief > peerVoteUntilUs(before, voter.node)) this.#checkBelief(agent, voter, belief);
    }
    const [then, now] = [before.witness, after.witness];
    if (!stood || then.returning || now.voteUntilUs > then.voteUntilUs) this.#checkWitnessBelief(agent);
  }

  #checkBelief(agent: AgentShell, voter: AgentShell, beliefLocalUs: number): void {
    const believedUntilUs = agent.clock.realUs(beliefLocalUs);
    if (believedUntilUs <= this.#schedule.nowUs) return;
    this.#compare(agent, voter.node, believedUntilUs, this.#registerUntilUs(voter, agent.node));
  }

  #checkWitnessBelief(agent: AgentShell): void {
    const { state } = agent;
    if (this.#witnesses.size === 0 || !isStanding(state) || state.witness.returning) return;
    const believedUntilUs = agent.clock.realUs(state.witness.voteUntilUs);
    if (believedUntilUs <= this.#schedule.nowUs) return;
    const witness = this.#witnessOf(agent);
    const heldUntilUs = witness?.boundUntilUs(this.#group, agent.node) ?? Number.NEGATIVE_INFINITY;
    this.#compare(agent, witness?.name ?? 'a witness without a vote', believedUntilUs, heldUntilUs);
  }

  #compare(agent: AgentShell, voter: string, believedUntilUs: number, heldUntilUs: number): void {
    if (believedUntilUs <= heldUntilUs + TOLERANCE_US) return;
    const excess = ((believedUntilUs - heldUntilUs) / 1000).toFixed(1);
    this.violated('belief exceeds the register', `${agent.node} believes in ${voter} for ${excess} ms too long`);
  }

  /** An open fence is covered to its end by a majority of registers: the node's own, and enough others. */
  #checkContainment(agent: AgentShell): void {
    const { openUntilUs } = agent.fence;
    if (openUntilUs <= this.#schedule.nowUs) return;
    const others = this.#peerRegistersUntilUs(agent);
    const witness = this.#witnessOf(agent);
    if (witness !== undefined) others.push(witness.boundUntilUs(this.#group, agent.node));
    const heldUntilUs = leaseEndUs(others, this.#needed);
    if (heldUntilUs + TOLERANCE_US >= openUntilUs) return;
    const excess = ((openUntilUs - heldUntilUs) / 1000).toFixed(1);
    this.violated('lease containment', `${agent.node}'s fence outlives its last other vote by ${excess} ms`);
  }

  /** The witness whose vote counts by the identity that the agent's process goes by, or went by at its end. */
  #witnessOf({ state, lastState }: AgentShell): WitnessHost | undefined {
    const goneBy = state ?? lastState;
    const name = goneBy && this.#identities?.witnessOf(goneBy);
    return name && this.#witnesses.get(name);
  }

  /** L16: nobody goes by a new identity while somebody goes by an old one and is not joint with that. */
  #checkIdentities({ node, state }: AgentShell): void {
    if (state === undefined || this.#isForeign(state)) return;
    for (const other of this.#agents) {
      if (other.state === undefined || this.#isForeign(other.state)) continue;
      if (agreesWith(state, claimOf(other.state))) continue;
      this.violated(
        'identities not agreed',
        `${node} goes by ${wordsOf(state)}, ${other.node} by ${wordsOf(other.state)}`,
      );
    }
  }

  #isForeign({ config }: MemberState): boolean {
    return this.#identities?.of(config.configHash).foreign === true;
  }

  #peerRegistersUntilUs(holder: AgentShell): number[] {
    const peers = this.#agents.filter((other) => other !== holder);
    return peers.map((peer) => this.#registerUntilUs(peer, holder.node));
  }

  /** Until when `voter` gives its vote to nobody but `holder`, in real time. */
  #registerUntilUs(voter: AgentShell, holder: string): number {
    const { state, clock } = voter;
    // A process that is gone gives nothing, and its successor begins with the quarantine; but its guardian may have voted.
    if (state === undefined && voter.lastWord !== undefined && voter.lastWord !== holder)
      return Number.NEGATIVE_INFINITY;
    if (state === undefined || state.role.name === 'stopped') return Number.POSITIVE_INFINITY;
    const bound = boundTo(state.register, voter.localUs());
    const boundUntilUs = bound?.holder === holder ? clock.realUs(bound.untilUs) : Number.NEGATIVE_INFINITY;
    return state.role.name === 'initialize' ? Math.max(boundUntilUs, clock.realUs(state.role.untilUs)) : boundUntilUs;
  }
}

function agreesWith(state: MemberState | undefined, claim: Claim): boolean {
  return state !== undefined && isAgreed({ configHash: state.config.configHash, change: state.change }, claim);
}

function wordsOf({ config, change, generation }: MemberState): string {
  const joint = change?.stage === 'joint' ? `, joint with ${change.to.configHash}` : '';
  return `${config.configHash} (${generation}${joint})`;
}

/** Whether it may count votes at all. */
function isStanding(state: MemberState | undefined): state is MemberState {
  return state?.role.name === 'candidate' || state?.role.name === 'active';
}
