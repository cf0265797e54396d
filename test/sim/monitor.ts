/** Watches every step of a run: the invariants of reference/leases.md 7.1, checked in real time. */
import {
  type Ballot,
  boundTo,
  leaseEndUs,
  type MemberEffect,
  type MemberEvent,
  type MemberState,
  peerVoteUntilUs,
  votesNeeded,
  witnessVotes,
} from '@tiebreak/shared/lease';
import type { AgentShell } from './agent-shell.ts';
import { checkRegister } from './register-rules.ts';
import type { Schedule } from './schedule.ts';
import type { Timeline } from './timeline.ts';
import { type Rule, Violation } from './violation.ts';
import type { WitnessHost } from './witness-host.ts';

/** Floating-point clocks; far below anything that matters. */
const TOLERANCE_US = 2;

export type Ownership = { readonly node: string; readonly ballot: Ballot; readonly atUs: number };

export class Monitor {
  /** Every node that opened its fence, in order; a move is when two in a row differ. */
  readonly ownerships: Ownership[] = [];
  /** Rules that are not enforced: to see what a defect leads to in the end. */
  readonly ignored = new Set<Rule>();
  readonly #schedule: Schedule;
  readonly #timeline: Timeline;
  readonly #group: string;
  #agents: readonly AgentShell[] = [];
  #witness: WitnessHost | undefined;
  #needed = 2;

  constructor(schedule: Schedule, timeline: Timeline, group: string) {
    this.#schedule = schedule;
    this.#timeline = timeline;
    this.#group = group;
  }

  watch(agents: readonly AgentShell[], witness: WitnessHost, hasWitness: boolean): void {
    this.#agents = agents;
    this.#needed = votesNeeded(agents.length, hasWitness);
    if (witnessVotes(agents.length, hasWitness)) this.#witness = witness;
  }

  get moves(): number {
    return this.ownerships.filter(({ node }, index) => index > 0 && this.ownerships[index - 1]?.node !== node).length;
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
    for (const effect of effects) {
      if (effect.type === 'send-verdict' && effect.verdict.kind === 'granted') this.#granted(agent, before, event);
    }
    if (!isSame || state.role.name !== before.role.name) this.voterChanged(agent);
    this.#checkNewBeliefs(agent, before, state);
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

  #granted(agent: AgentShell, before: MemberState, event: MemberEvent): void {
    const name = agent.state?.role.name;
    if (name === 'active' || name === 'closing' || name === 'candidate')
      this.violated('an owner granted', `${agent.node} as ${name}`);
    const from = event.type === 'claim' ? event.from : '';
    if (name === 'initialize' && boundTo(before.register, agent.localUs())?.holder !== from)
      this.violated('voted in quarantine', agent.node);
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
    this.ownerships.push({ node: agent.node, ballot, atUs: this.#schedule.nowUs });
    if (grows) return;
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
    if (this.#witness === undefined || !isStanding(state) || state.witness.returning) return;
    const believedUntilUs = agent.clock.realUs(state.witness.voteUntilUs);
    if (believedUntilUs <= this.#schedule.nowUs) return;
    this.#compare(agent, 'w', believedUntilUs, this.#witness.boundUntilUs(this.#group, agent.node));
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
    if (this.#witness !== undefined) others.push(this.#witness.boundUntilUs(this.#group, agent.node));
    const heldUntilUs = leaseEndUs(others, this.#needed);
    if (heldUntilUs + TOLERANCE_US >= openUntilUs) return;
    const excess = ((openUntilUs - heldUntilUs) / 1000).toFixed(1);
    this.violated('lease containment', `${agent.node}'s fence outlives its last other vote by ${excess} ms`);
  }

  #peerRegistersUntilUs(holder: AgentShell): number[] {
    const peers = this.#agents.filter((other) => other !== holder);
    return peers.map((peer) => this.#registerUntilUs(peer, holder.node));
  }

  /** Until when `voter` gives its vote to nobody but `holder`, in real time. */
  #registerUntilUs(voter: AgentShell, holder: string): number {
    const { state, clock } = voter;
    // A process that is gone gives nothing, and its successor begins with the quarantine.
    if (state === undefined || state.role.name === 'stopped') return Number.POSITIVE_INFINITY;
    const bound = boundTo(state.register, voter.localUs());
    const boundUntilUs = bound?.holder === holder ? clock.realUs(bound.untilUs) : Number.NEGATIVE_INFINITY;
    return state.role.name === 'initialize' ? Math.max(boundUntilUs, clock.realUs(state.role.untilUs)) : boundUntilUs;
  }
}

/** Whether it may count votes at all. */
function isStanding(state: MemberState | undefined): state is MemberState {
  return state?.role.name === 'candidate' || state?.role.name === 'active';
}
