export type { CheckView, HealthSaid } from './check-view.ts';
export { reported, unreported } from './check-view.ts';
export { Checker } from './checker.ts';
