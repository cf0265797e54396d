import { DeliveriesQuery, PutWebhook, parseJson } from '@tiebreak/shared/wire';
import { type Context, Hono } from 'hono';
import { type App, cluster } from '../context.ts';
import { problem } from '../problem.ts';
import { targetRefusal } from '../webhooks/index.ts';

/** Outgoing webhooks, below `/v1/clusters/:cluster`. For the admin; what was delivered, for whoever may read. */
export const webhookRoutes = new Hono<App>();

webhookRoutes.get('/webhooks', async (c) => {
  const found = await theCluster(c).webhooks();
  return found.ok ? c.json({ webhooks: found.webhooks }) : problem(found.reason);
});

webhookRoutes.put('/webhooks/:webhook', async (c) => {
  const body = PutWebhook.safeParse(parseJson(await c.req.text()));
  if (!body.success) return problem('bad_request');
  const refusal = targetRefusal(body.data.url, c.env.TIEBREAK_WEBHOOKS_TO_PRIVATE_NETWORKS === 'true');
  if (refusal !== null) return problem(`webhook_${refusal}`);
  const put = await theCluster(c).putWebhook(c.req.param('webhook'), body.data);
  if (!put.ok) return problem(put.reason);
  return c.json({ secret: put.secret }, put.replaced ? 200 : 201, { 'cache-control': 'no-store' });
});

webhookRoutes.delete('/webhooks/:webhook', async (c) => {
  const removed = await theCluster(c).removeWebhook(c.req.param('webhook'));
  return removed.ok ? c.body(null, 204) : problem(removed.reason);
});

webhookRoutes.get('/deliveries', async (c) => {
  const query = DeliveriesQuery.safeParse(c.req.query());
  if (!query.success) return problem('bad_query');
  const found = await theCluster(c).deliveries(c.get('caller'), query.data);
  return found.ok ? c.json(found.page) : problem(found.reason);
});

function theCluster(c: Context<App>) {
  return cluster(c, c.req.param('cluster') ?? '');
}
