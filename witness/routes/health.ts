import { AlertmanagerMessage, HealthReport, parseJson } from '@tiebreak/shared/wire';
import { type Context, Hono } from 'hono';
import type { Caller } from '../caller.ts';
import { type App, cluster } from '../context.ts';
import { problem } from '../problem.ts';

/** What outside monitors report, below `/v1/clusters/:cluster`. */
export const healthRoutes = new Hono<App>();

healthRoutes.post('/groups/:group/nodes/:node/health', async (c) => {
  const caller = monitorOf(c);
  if (caller === null) return problem('unauthorized');
  const body = HealthReport.safeParse(parseJson(await c.req.text()));
  if (!body.success) return problem('bad_request');
  const { group, node } = c.req.param();
  const reported = await cluster(c, c.req.param('cluster') ?? '').reportHealth(
    caller.token,
    { group, node },
    body.data,
  );
  return reported.ok ? c.json({ delivered: reported.delivered }) : problem(reported.reason);
});

healthRoutes.post('/alerts', async (c) => {
  const caller = monitorOf(c);
  if (caller === null) return problem('unauthorized');
  const body = AlertmanagerMessage.safeParse(parseJson(await c.req.text()));
  if (!body.success) return problem('bad_request');
  const reported = await cluster(c, c.req.param('cluster') ?? '').reportAlerts(caller.token, body.data);
  return reported.ok ? c.json(reported.taken) : problem(reported.reason);
});

function monitorOf(c: Context<App>): Extract<Caller, { token: string }> | null {
  const caller = c.get('caller');
  return caller.kind === 'monitor' ? caller : null;
}
