export { type DiscardedAdvertisement, RouterTraffic } from './router-traffic.ts';
export { Tally } from './tally.ts';
export { type TransitionCount, Transitions } from './transitions.ts';
