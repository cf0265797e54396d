/**
 * The front door for worker threads. The other one loads raw-socket, a native module that works in the first thread of a
 * process only.
 */
export type { Account } from './account.ts';
export type { SystemError, SystemResult } from './errno.ts';
export type { EventLoopSocket } from './event-loop-socket.ts';
export { type NeighbourQuestion, openNeighbourQuestion } from './neighbour-question.ts';
export type { NetworkChange } from './network-change.ts';
export { openNetworkMonitor } from './network-monitor.ts';
export { openProcessConnector } from './process-connector.ts';
export type { ProcessEvent } from './process-event.ts';
export { type ProcessStat, parseProcessStat, readProcessStat } from './process-stat.ts';
export { openRtnetlink, type Rtnetlink } from './rtnetlink.ts';
export type { InterfaceAddress } from './rtnetlink-address.ts';
export type { Link } from './rtnetlink-link.ts';
