import type { WitnessName } from '../../agent/simulation/group-identity.ts';
import type { Random } from '../../agent/simulation/random.ts';
import type { NodeName, World } from '../../agent/simulation/world.ts';

/** What a fault must know of the world in order to be drawn before there is one. */
export type Scene = {
  readonly nodes: readonly NodeName[];
  readonly witnesses: readonly [WitnessName, ...WitnessName[]];
  /** how many identities nodes may be configured for */
  readonly identities: number;
  readonly intervalUs: number;
};

/** A fault with all its parameters; `text` names them. */
export type Drawn = {
  readonly text: string;
  /** from its beginning until it may have no consequences of its own any more; 0 without */
  readonly lastsUs: number;
  readonly begin: (world: World) => void;
  readonly end?: (world: World) => void;
  /** of two healthy agents: who owns soon afterwards, if `owner` did before */
  readonly ownerAfter?: (owner: string | undefined, other: string | undefined) => string | undefined;
};

export type DrawFault = (random: Random, scene: Scene) => Drawn;

/** One fault of a seed: numbered, so that a run can be played again with some of them left out. */
export type Fault = Drawn & { readonly number: number; readonly atUs: number };

/** Puts the wanted ones into the world's schedule. */
export function schedule(world: World, faults: readonly Fault[], only: ReadonlySet<number> | undefined): void {
  for (const fault of faults) {
    if (only !== undefined && !only.has(fault.number)) continue;
    world.schedule.at(fault.atUs, () => {
      world.note(() => `fault ${fault.number}: ${fault.text}`);
      world.troubledUntilUs = Math.max(world.troubledUntilUs, world.nowUs + fault.lastsUs);
      fault.begin(world);
      const { end } = fault;
      if (end !== undefined) world.schedule.after(fault.lastsUs, () => end(world));
    });
  }
}

export function inWords({ number, atUs, text }: Fault): string {
  return `${String(number).padStart(3)} at ${(atUs / 1000).toFixed(1).padStart(9)} ms  ${text}`;
}

export function lasting(us: number): string {
  return `for ${(us / 1000).toFixed(1)} ms`;
}
