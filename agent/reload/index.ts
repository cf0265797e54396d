export { isSameRouter } from './moves.ts';
export { type ChangedGroup, type Plan, plan, type Refusal, type ReloadPlan, type Setting } from './plan.ts';
