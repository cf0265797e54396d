import type { LocationHint } from '@tiebreak/shared/wire';
import type { Context } from 'hono';
import type { SecureHeadersVariables } from 'hono/secure-headers';
import type { Caller, ClusterApi } from './cluster-api.ts';
import type { Env } from './env.ts';

export type App = { Bindings: Env; Variables: { caller: Caller } & SecureHeadersVariables };

/** A new stub each time: one that has failed once may go on failing. */
export function cluster(c: Context<App>, name: string, locationHint?: LocationHint): ClusterApi {
  const { CLUSTERS } = c.env;
  return CLUSTERS.get(CLUSTERS.idFromName(name), locationHint === undefined ? {} : { locationHint });
}

export function wantsSocket(c: Context<App>): boolean {
  return c.req.header('upgrade')?.toLowerCase() === 'websocket';
}
