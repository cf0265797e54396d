export type { GroupChange } from './change.ts';
export { Notifier, type ReceiverView } from './notifier.ts';
export { receiversOf } from './receiver.ts';
