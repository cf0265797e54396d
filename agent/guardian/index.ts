export { type GuardOptions, guard } from './guardian.ts';
export { type GuardedLink, type Handover, isStopOrder, type Progress } from './handover.ts';
