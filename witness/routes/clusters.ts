import { ClusterBackup, ClustersQuery, CreateCluster, parseJson, RestoreQuery } from '@tiebreak/shared/wire';
import { Hono } from 'hono';
import { adminOnly } from '../admin-only.ts';
import { type App, cluster, directory } from '../context.ts';
import { problem } from '../problem.ts';
import { targetRefusal } from '../webhooks/index.ts';

/** What the admin does to clusters and to who may do what in them, below `/v1/clusters`. */
export const clusterRoutes = new Hono<App>();

clusterRoutes.put('/:cluster', adminOnly, async (c) => {
  const text = await c.req.text();
  const body = CreateCluster.safeParse(text === '' ? {} : parseJson(text));
  if (!body.success) return problem('bad_request');
  const name = c.req.param('cluster');
  const { location_hint } = body.data;
  const { created, witness_id } = await cluster(c, name, location_hint).create(name);
  // Whoever creates it again, after a failure between the two, finds it listed too.
  await directory(c).add(name, location_hint ?? null);
  return c.json({ cluster: name, witness_id }, created ? 201 : 200);
});

clusterRoutes.delete('/:cluster', adminOnly, async (c) => {
  const name = c.req.param('cluster');
  const retired = await cluster(c, name).retire();
  await directory(c).remove(name);
  return retired ? c.body(null, 204) : problem('unknown_cluster');
});

clusterRoutes.get('/:cluster/backup', adminOnly, async (c) => {
  const backup = await cluster(c, c.req.param('cluster')).backup();
  return backup === null ? problem('unknown_cluster') : c.json(backup, 200, { 'cache-control': 'no-store' });
});

clusterRoutes.put('/:cluster/backup', adminOnly, async (c) => {
  const query = RestoreQuery.safeParse(c.req.query());
  if (!query.success) return problem('bad_query');
  const backup = ClusterBackup.safeParse(parseJson(await c.req.text()));
  if (!backup.success) return problem('bad_request');
  const name = c.req.param('cluster');
  if (backup.data.cluster !== name) return problem('other_cluster');
  for (const { url } of backup.data.webhooks) {
    const refusal = targetRefusal(url, c.env.TIEBREAK_WEBHOOKS_TO_PRIVATE_NETWORKS === 'true');
    if (refusal !== null) return problem(`webhook_${refusal}`);
  }
  const { location_hint } = query.data;
  const restored = await cluster(c, name, location_hint).restore(backup.data);
  await directory(c).add(name, location_hint ?? null);
  return restored ? c.json({ cluster: name, witness_id: backup.data.witness_id }, 201) : problem('cluster_exists');
});

/** Asked again, it issues another token, and the former one is void at once. */
clusterRoutes.put('/:cluster/nodes/:node', adminOnly, async (c) => {
  const issued = await cluster(c, c.req.param('cluster')).issueToken(c.req.param('node'));
  if (!issued.ok) return problem(issued.reason);
  return c.json({ token: issued.token }, issued.replaced ? 200 : 201, { 'cache-control': 'no-store' });
});

clusterRoutes.delete('/:cluster/nodes/:node', adminOnly, async (c) => {
  const revoked = await cluster(c, c.req.param('cluster')).revokeToken(c.req.param('node'));
  return revoked.ok ? c.body(null, 204) : problem(revoked.reason);
});

for (const kind of ['viewer', 'monitor'] as const) {
  const path = `/:cluster/${kind}s/:${kind}` as const;

  clusterRoutes.put(path, adminOnly, async (c) => {
    const issued = await cluster(c, c.req.param('cluster')).issueHolderToken(kind, c.req.param(kind));
    if (!issued.ok) return problem(issued.reason);
    return c.json({ token: issued.token }, issued.replaced ? 200 : 201, { 'cache-control': 'no-store' });
  });

  clusterRoutes.delete(path, adminOnly, async (c) => {
    const revoked = await cluster(c, c.req.param('cluster')).revokeHolderToken(kind, c.req.param(kind));
    return revoked.ok ? c.body(null, 204) : problem(revoked.reason);
  });
}

/** Of all, and none is woken. */
clusterRoutes.get('/', adminOnly, async (c) => {
  const query = ClustersQuery.safeParse(c.req.query());
  return query.success ? c.json(await directory(c).page(query.data)) : problem('bad_query');
});
