export { GOOD_LINK, type LinkQuality } from './network.ts';
export { Random } from './random.ts';
export type { Tampering } from './tampering.ts';
export { firstVacancyUs, ownedUs, type Tenure } from './tenures.ts';
export { NO_TROUBLES } from './troubles.ts';
export { type Rule, Violation } from './violation.ts';
export { NODE_NAMES, type NodeName, type Place, World, type WorldOptions } from './world.ts';
