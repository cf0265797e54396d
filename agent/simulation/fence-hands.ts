import type { MemberEffect } from '@tiebreak/shared/lease';
import { guardUs, lifetimeLadderMs, lifetimeMs, sentinelMs } from '../kernel/fence/arithmetic.ts';
import type { AgentShell } from './agent-shell.ts';
import type { FenceAct, FenceCare } from './kernel-fence.ts';
import type { Answering } from './sideband.ts';
import type { Surroundings } from './surroundings.ts';
import type { Tampering } from './tampering.ts';

const KERNEL_TICK_US = 4000;
const LADDER_MS = lifetimeLadderMs(KERNEL_TICK_US);
const WHOLE_LEASE_MAX_MS = 1500;

export const FENCE_GUARD_US = guardUs(KERNEL_TICK_US);

type Extension = Extract<MemberEffect, { type: 'open-fence' | 'refresh-fence' }>;

/** An agent's hands on its kernel fence: ARM, read the clock, act, and hear what the kernel says (DESIGN section 4). */
export class FenceHands {
  readonly #around: Surroundings;
  readonly #agent: AgentShell;
  readonly #sentinelMs: number;

  constructor(around: Surroundings, agent: AgentShell, intervalUs: number) {
    this.#around = around;
    this.#agent = agent;
    this.#sentinelMs = sentinelMs(intervalUs, KERNEL_TICK_US);
  }

  extend(effect: Extension): void {
    const { leaseEndUs } = effect;
    const { schedule, tampering } = this.#around;
    const agent = this.#agent;
    if (this.#lifetimeMs(leaseEndUs, agent.localUs()) === undefined) {
      this.#refused('lease_too_short');
      return;
    }
    agent.fence.arm(schedule.nowUs, this.#sentinelMs * 1000);
    agent.next(() => {
      const armedUs = agent.localUs();
      const wholeMs = Math.min(WHOLE_LEASE_MAX_MS, Math.floor((leaseEndUs - armedUs) / 1000));
      const lifetime = tampering.fence === 'full_lifetime' ? wholeMs : this.#lifetimeMs(leaseEndUs, armedUs);
      if (lifetime === undefined) {
        this.#refused('lease_too_short');
        return;
      }
      agent.pauseBeforeAct();
      agent.next(() => this.#act(effect, armedUs, lifetime));
    });
  }

  /** `answering`: the claim for whose sake it closes. */
  close(answering: Answering | undefined): void {
    const agent = this.#agent;
    if (this.#around.random.chance(agent.troubles.closeFailureChance)) {
      agent.note(() => 'fence cannot be closed');
      agent.dispatch({ type: 'fence-close-failed' });
      return;
    }
    agent.fence.close(this.#around.schedule.nowUs);
    agent.dispatch({ type: 'fence-closed' }, answering);
  }

  #act(effect: Extension, armedUs: number, lifetimeMs: number): void {
    const kind: FenceAct = effect.type === 'open-fence' ? 'open' : 'refresh';
    const { schedule, monitor, random, tampering } = this.#around;
    const agent = this.#agent;
    const wasOpen = agent.fence.isOpen(schedule.nowUs);
    const effective = agent.fence.act(kind, schedule.nowUs, lifetimeMs * 1000, careOf(kind, tampering.fence));
    if (effective) monitor.fenceExtended(agent, wasOpen);
    if (!effective || random.chance(agent.troubles.unconfirmedChance)) {
      agent.note(() => `${kind} of the fence not confirmed${effective ? ', though it took effect' : ''}`);
      this.#refused('not_confirmed');
      return;
    }
    const expiresAtUs = armedUs + (this.#sentinelMs + lifetimeMs) * 1000;
    if (effect.type === 'open-fence') agent.dispatch({ type: 'fence-opened', expiresAtUs });
    else agent.dispatch({ type: 'fence-refreshed', expiresAtUs, restsOnWitness: effect.restsOnWitness });
  }

  #refused(reason: string): void {
    this.#agent.dispatch({ type: 'fence-refused', reason });
  }

  #lifetimeMs(leaseEndUs: number, armedUs: number): number | undefined {
    return lifetimeMs(LADDER_MS, {
      leaseEndUs,
      armedUs,
      sentinelMs: this.#sentinelMs,
      kernelTickUs: KERNEL_TICK_US,
    });
  }
}

function careOf(kind: FenceAct, fence: Tampering['fence']): FenceCare {
  if (fence === 'no_sentinel' && kind === 'open') return 'nothing';
  if (fence === 'plain_set' && kind === 'refresh') return 'nothing';
  return fence === 'full_lifetime' && kind === 'refresh' ? 'element' : 'all';
}
