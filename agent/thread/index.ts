export { SupervisedThread } from './supervised-thread.ts';
