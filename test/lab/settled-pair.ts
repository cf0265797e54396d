import { type Analysis, analyse } from './analysis.ts';
import { LAB_TOOLS, requireTools } from './prerequisites.ts';
import { Prober } from './prober.ts';
import { waitFor } from './process.ts';
import type { Scenario } from './system.ts';
import { type TiebreakSystem, tiebreakSystem } from './tiebreak.ts';
import { type HostName, Topology } from './topology.ts';

/** Two agents and their witness, of which one owns the address, and a client that watches it. */
export class SettledPair {
  readonly topology: Topology;
  readonly system: TiebreakSystem;
  readonly prober: Prober;

  private constructor(topology: Topology, system: TiebreakSystem, prober: Prober) {
    this.topology = topology;
    this.system = system;
    this.prober = prober;
  }

  static async start(scenario: Scenario): Promise<SettledPair> {
    requireTools(LAB_TOOLS);
    const topology = await Topology.create();
    try {
      const system = await tiebreakSystem(topology, scenario);
      const pair = new SettledPair(topology, system, await Prober.start(topology));
      await Promise.all([system.agents.a.start(), system.agents.b.start()]);
      await pair.settle();
      return pair;
    } catch (cause) {
      topology.close();
      throw cause;
    }
  }

  /** Resolves once one of the two owns, the other one would vote for it, and the witness is idle. */
  async settle(): Promise<void> {
    await waitFor('one owner', 60_000, async () => ((await this.system.unsettled()) === undefined ? true : undefined));
  }

  async owner(): Promise<HostName> {
    return (await this.system.agents.a.group())?.role === 'active' ? 'a' : 'b';
  }

  /** What the client has seen since then, by the prober's clock. */
  seenSince(fromUs: number): Analysis {
    return analyse(this.prober.between(fromUs, this.prober.nowUs()));
  }

  async close(): Promise<void> {
    await this.prober.stop();
    this.topology.close();
  }
}
