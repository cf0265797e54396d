export type { ApiSources, Health } from './app.ts';
export { History } from './history.ts';
export type { Operations, Outcome } from './operations.ts';
export { type ApiOptions, apiSocketPath, otherAgent, type StartedApi, startApi } from './server.ts';
export { type GroupStatus, Status } from './status.ts';
