export type { Ownership } from './keeper.ts';
export type { Assigned, Call, Failure, FloatingIpProvider, Looked } from './provider.ts';
export { type FloatingIpLog, type FloatingIpOptions, FloatingIpRunner, type FloatingIpStatus } from './runner.ts';
