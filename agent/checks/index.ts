export type { CheckView, HealthSaid } from './check-view.ts';
export { reported, unreported } from './check-view.ts';
export { Checker, type Task } from './checker.ts';
export { commandProblem, privilegeProblem, runsAs } from './command-account.ts';
