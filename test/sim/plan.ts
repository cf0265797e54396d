/** A seed's faults, drawn before the run begins: the same seed has the same ones, whatever becomes of them. */

import type { Random } from '../../agent/simulation/random.ts';
import type { AgentTroubles } from '../../agent/simulation/troubles.ts';
import type { DrawFault, Drawn, Fault, Scene } from './fault.ts';
import {
  ALL_FAULTS,
  CHANGING_FAULTS,
  changeIdentityCalmly,
  cutLink,
  handOver,
  SINGLE_FAULTS,
  unfit,
  WITNESS_FAULTS,
} from './faults.ts';

const SECOND_US = 1_000_000;
const FREEZE_MAX_US = 7 * SECOND_US;

export type Plan = { readonly faults: readonly Fault[]; readonly fromUs: number; readonly untilUs: number };

/**
 * What a seed is about, and so what it may ask beyond safety: faults at the witness only; the link cut once; one fault; one
 * planned change of owner; one change of identity; everything at once.
 */
export const KINDS = ['witness', 'link', 'single', 'planned', 'identity', 'chaos'] as const;
export type Kind = (typeof KINDS)[number];

export type PlanOptions = {
  readonly kind: Kind;
  readonly scene: Scene;
  readonly fromUs: number;
  readonly untilUs: number;
  /** pauses between clock and kernel as often as it takes to expose a defect of the fence */
  readonly fencePauses: boolean;
  /** only these, instead of the kind's own */
  readonly kinds: readonly DrawFault[] | undefined;
};

export function makePlan(random: Random, options: PlanOptions): Plan {
  const { fromUs, untilUs } = options;
  const drawn = draw(random, options).sort((left, right) => left.atUs - right.atUs);
  return { fromUs, untilUs, faults: drawn.map((fault, index) => ({ ...fault, number: index + 1 })) };
}

type Dated = Drawn & { readonly atUs: number };

function draw(random: Random, options: PlanOptions): Dated[] {
  const { kind, scene, fromUs, kinds } = options;
  const soonUs = fromUs + 1 + random.between(0, scene.intervalUs);
  switch (kind) {
    case 'witness':
      return sow(random, options, kinds ?? WITNESS_FAULTS, 2 * SECOND_US);
    case 'link':
      return [{ ...cutLink(random, scene), atUs: soonUs }];
    case 'single':
      return [{ ...random.pick(kinds ?? SINGLE_FAULTS)(random, scene), atUs: soonUs }];
    case 'planned':
      return [{ ...random.pick(kinds ?? [unfit, handOver])(random, scene), atUs: soonUs }];
    case 'identity':
      return [{ ...changeIdentityCalmly(random, scene), atUs: soonUs }];
    case 'chaos': {
      const everyUs = random.logBetween(Math.max(4 * scene.intervalUs, 300_000), 8 * SECOND_US);
      const usual = scene.identities > 1 ? CHANGING_FAULTS : ALL_FAULTS;
      return [...troubles(random, options), ...sow(random, options, kinds ?? usual, everyUs)];
    }
  }
}

/** Faults of these kinds at random times, one every `everyUs` on average, several at once if it comes so. */
function sow(
  random: Random,
  { scene, fromUs, untilUs }: PlanOptions,
  kinds: readonly DrawFault[],
  everyUs: number,
): Dated[] {
  const faults: Dated[] = [];
  for (let atUs = fromUs + random.between(0, 2 * everyUs); atUs < untilUs; atUs += random.between(0, 2 * everyUs)) {
    faults.push({ ...random.pick(kinds)(random, scene), atUs });
  }
  return faults;
}

/** What goes wrong by chance again and again, on every host, from the beginning of the faults to their end. */
function troubles(random: Random, { fromUs, fencePauses }: PlanOptions): Dated[] {
  const pauseMaxUs = random.pick([50_000, SECOND_US, FREEZE_MAX_US]);
  const drawn: readonly (readonly [keyof AgentTroubles, number])[] = [
    ['pauseChance', random.pick([0, 0.0002, 0.002, 0.02])],
    ['fencePauseChance', random.pick([0, 0, 0.01, 0.1])],
    ['unconfirmedChance', random.pick([0, 0, 0.01])],
    ['closeFailureChance', random.pick([0, 0, 0.3, 1])],
  ];
  const chosen: Partial<AgentTroubles>[] = fencePauses
    ? [{ fencePauseChance: 0.3, pauseMaxUs: 5 * SECOND_US }]
    : drawn.filter(([, chance]) => chance > 0).map(([name, chance]) => ({ [name]: chance, pauseMaxUs }));
  return chosen.map((part) => ({
    text: `on every host: ${JSON.stringify(part)}`,
    lastsUs: 0,
    atUs: fromUs,
    begin: (world) => world.addTroubles(part),
  }));
}
