export { type TargetRefusal, targetRefusal } from './target.ts';
export { Webhooks } from './webhooks.ts';
