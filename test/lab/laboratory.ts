import { setTimeout as sleep } from 'node:timers/promises';
import { type Analysis, analyse } from './analysis.ts';
import type { Fault } from './faults.ts';
import { keepalivedSystem } from './keepalived.ts';
import { Prober } from './prober.ts';
import { waitFor } from './process.ts';
import { DEFAULT_SCENARIO, type Scenario, type System } from './system.ts';
import { plainTiebreakSystem, tiebreakSystem } from './tiebreak.ts';
import { type HostName, Topology } from './topology.ts';

/** A starting agent waits PROMISE_MAX (10 s); the rest is for slow machines. */
export const READY_TIMEOUT_MS = 45_000;

/** The record of a trial begins so long before the fault, to show who owned, and ends so long after the steady state. */
const MARGIN_MS = 400;

export type Trial = {
  /** Who owned the address when the fault came. */
  readonly owner: HostName;
  /** From shortly before the fault until the steady state after it; without healing, until the fault's time was over. */
  readonly analysis: Analysis;
};

export type TrialOptions = {
  /** How long the fault lasts. */
  readonly holdMs: number;
  /** Leave things broken; for the last trial of a laboratory. */
  readonly heal?: boolean;
};

/** A topology, one system under test on both hosts, and the prober that watches it from the client. */
export class Laboratory {
  readonly topology: Topology;
  readonly system: System;
  readonly prober: Prober;

  private constructor(topology: Topology, system: System, prober: Prober) {
    this.topology = topology;
    this.system = system;
    this.prober = prober;
  }

  /** Builds everything and starts both agents; they are not ready yet. */
  static async create(name: System['name'], scenario: Scenario = DEFAULT_SCENARIO): Promise<Laboratory> {
    return Laboratory.of(async (topology) => {
      if (name === 'keepalived') return keepalivedSystem(topology, scenario);
      return scenario.mode === 'vrrp'
        ? plainTiebreakSystem(topology, scenario)
        : await tiebreakSystem(topology, scenario);
    });
  }

  /** As `create`, for a system that needs more than a scenario, or another network, before its agents start. */
  static async of(systemFor: (topology: Topology) => Promise<System>): Promise<Laboratory> {
    const topology = await Topology.create();
    try {
      const system = await systemFor(topology);
      const prober = await Prober.start(topology);
      await Promise.all([system.agents.a.start(), system.agents.b.start()]);
      return new Laboratory(topology, system, prober);
    } catch (error) {
      topology.close();
      throw error;
    }
  }

  /** Waits until one host alone answers and the system has nothing left to do. `onWait` hears what is still missing. */
  async steady(timeoutMs: number = READY_TIMEOUT_MS, onWait?: (missing: string) => void): Promise<HostName> {
    let missing = '';
    try {
      return await waitFor('the steady state', timeoutMs, async () => {
        const unsettled = await this.system.unsettled();
        const found = unsettled === undefined ? this.#ownership() : { missing: unsettled };
        if (typeof found === 'string') return found;
        missing = found.missing;
        onWait?.(missing);
        return undefined;
      });
    } catch (error) {
      throw new Error(`${error instanceof Error ? error.message : String(error)} (${missing})\n${this.logs()}`);
    }
  }

  /** Injects the fault, holds it, heals it, waits for the steady state, and says what the client saw of it all. */
  async trial(faultFor: (owner: HostName) => Fault, options: TrialOptions): Promise<Trial> {
    const owner = await this.steady();
    const fault = faultFor(owner);
    const fromUs = this.prober.nowUs() - MARGIN_MS * 1_000;
    await fault.inject();
    await sleep(options.holdMs);
    if (options.heal !== false) {
      await fault.heal();
      await this.steady();
      await sleep(MARGIN_MS);
    }
    return { owner, analysis: analyse(this.prober.between(fromUs, this.prober.nowUs())) };
  }

  /** The last words of both agents. */
  logs(): string {
    const { a, b } = this.system.agents;
    return [a, b].map((agent) => `--- host ${agent.host}\n${agent.log().slice(-2_000)}`).join('\n');
  }

  async close(): Promise<void> {
    try {
      await this.prober.stop();
      await this.system.close();
    } finally {
      this.topology.close();
    }
  }

  /** The host that has answered everything for a while; or what is wrong. */
  #ownership(): HostName | { readonly missing: string } {
    const nowUs = this.prober.nowUs();
    const { before, twoOwnersMs, moved, client } = analyse(this.prober.between(nowUs - 2 * MARGIN_MS * 1_000, nowUs));
    if (before === undefined) return { missing: 'nobody answers for the address' };
    if (twoOwnersMs > 0) return { missing: 'two hosts answer for the address' };
    // The client may still send to a host that no longer answers, or wait for its own ARP.
    if (moved || client.sent === 0 || client.lost > 0) return { missing: 'the client has not found the owner yet' };
    if (before !== 'a' && before !== 'b') return { missing: `${before} answers, which is no host of the lab` };
    return before;
  }
}
