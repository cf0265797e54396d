export type { WitnessLink, WitnessLinkOptions } from './api.ts';
export { type DropCounts, type DropReason, openFrame } from './frame.ts';
export { openWitnessLink } from './link.ts';
export type { Report } from './requests.ts';
export type { Reply } from './session.ts';
export { failureText } from './socket.ts';
export type { LinkLog, WitnessLinkState } from './state.ts';
export { type NodeToken, parseNodeToken } from './token.ts';
