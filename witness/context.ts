import type { LocationHint } from '@tiebreak/shared/wire';
import type { Context } from 'hono';
import type { SecureHeadersVariables } from 'hono/secure-headers';
import { z } from 'zod';
import type { Caller } from './caller.ts';
import type { ClusterApi } from './cluster-api.ts';
import type { DirectoryApi } from './directory-api.ts';
import type { Env } from './env.ts';

export type App = { Bindings: Env; Variables: { caller: Caller } & SecureHeadersVariables };

const Peer = z.object({ cf: z.object({ clientIp: z.string() }) });

/** A new stub each time: one that has failed once may go on failing. */
export function cluster(c: Context<App>, name: string, locationHint?: LocationHint): ClusterApi {
  const { CLUSTERS } = c.env;
  return CLUSTERS.get(CLUSTERS.idFromName(name), locationHint === undefined ? {} : { locationHint });
}

/** There is one for all clusters. */
export function directory({ env: { DIRECTORY } }: Context<App>): DirectoryApi {
  return DIRECTORY.get(DIRECTORY.idFromName('clusters'));
}

/** Null: this runtime does not say. */
export function addressOf(c: Context<App>): string | null {
  // Behind Cloudflare's edge nobody else can set this header; workerd by itself tells the peer's address instead.
  const peer = Peer.safeParse(c.req.raw);
  // With the peer's port behind it.
  return peer.success ? peer.data.cf.clientIp.replace(/:\d+$/, '') : (c.req.header('cf-connecting-ip') ?? null);
}

export function wantsSocket(c: Context<App>): boolean {
  return c.req.header('upgrade')?.toLowerCase() === 'websocket';
}
