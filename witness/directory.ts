import { DurableObject } from 'cloudflare:workers';
import type { DurableObjectState } from '@cloudflare/workers-types';
import { type ClustersPage, type ClustersQuery, LocationHint } from '@tiebreak/shared/wire';
import { z } from 'zod';
import type { DirectoryApi } from './directory-api.ts';
import type { Env } from './env.ts';

const SCHEMA =
  'CREATE TABLE IF NOT EXISTS cluster (name TEXT PRIMARY KEY, created_at_ms INTEGER NOT NULL, location_hint TEXT) WITHOUT ROWID';
const Row = z.strictObject({ name: z.string(), created_at_ms: z.int(), location_hint: LocationHint.nullable() });

/** Which clusters there are: asked by the admin alone, and without waking any of them. */
export class ClusterDirectory extends DurableObject<Env> implements DirectoryApi {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    ctx.storage.sql.exec(SCHEMA);
  }

  /** Again without harm: what is known stays as it is. */
  async add(cluster: string, locationHint: LocationHint | null): Promise<void> {
    this.ctx.storage.sql.exec(
      'INSERT INTO cluster (name, created_at_ms, location_hint) VALUES (?, ?, ?) ON CONFLICT (name) DO NOTHING',
      cluster,
      Date.now(),
      locationHint,
    );
  }

  async remove(cluster: string): Promise<void> {
    this.ctx.storage.sql.exec('DELETE FROM cluster WHERE name = ?', cluster);
  }

  async page({ after, limit }: ClustersQuery): Promise<ClustersPage> {
    const query = 'SELECT name, created_at_ms, location_hint FROM cluster WHERE name > ? ORDER BY name LIMIT ?';
    const rows = z.array(Row).parse(this.ctx.storage.sql.exec(query, after ?? '', limit + 1).toArray());
    const clusters = rows.slice(0, limit).map(({ name, created_at_ms, location_hint }) => ({
      cluster: name,
      created_at: new Date(created_at_ms).toISOString(),
      location_hint,
    }));
    const last = clusters.at(-1);
    const more = rows.length > limit && last !== undefined;
    return { clusters, next: more ? `/v1/clusters?after=${last.cluster}&limit=${limit}` : null };
  }
}
