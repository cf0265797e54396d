export { rehearseLeaseTakeovers } from './lease-takeovers.ts';
export { rehearsePlainTakeovers } from './plain-takeovers.ts';
