export type { ApiSources, Health } from './app.ts';
export { type ApiOptions, apiSocketPath, type StartedApi, startApi } from './server.ts';
export { type GroupStatus, Status } from './status.ts';
