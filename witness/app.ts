import { EventsQuery, Name, parseJson, ReleaseRequest, VoteRequest, WitnessRequest } from '@tiebreak/shared/wire';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { HTTPException } from 'hono/http-exception';
import { NONCE, secureHeaders } from 'hono/secure-headers';
import { timeout } from 'hono/timeout';
import type { z } from 'zod';
import { adminOnly, isAdmin } from './admin-only.ts';
import { BACKUP_LENGTH_MAX } from './backup.ts';
import { bearerToken } from './bearer.ts';
import { callerOf } from './caller.ts';
import { type App, addressOf, cluster, wantsSocket } from './context.ts';
import { failedAttempts } from './failed-attempts.ts';
import { ALERTS_LENGTH_MAX, MESSAGE_LENGTH_MAX } from './limits.ts';
import { openApiDocument } from './openapi.ts';
import { pages, streams } from './pages/routes.tsx';
import { problem } from './problem.ts';
import { clusterRoutes } from './routes/clusters.ts';
import { healthRoutes } from './routes/health.ts';
import { webhookRoutes } from './routes/webhooks.ts';

const ADMIN_TOKEN_LENGTH_MIN = 16;
/** Five times as long as any request is fresh (L13); a body that trickles in holds no connection for longer. */
const REQUEST_WITHIN_MS = 10_000;

/** Never 'no auth': without a good admin token nothing is answered at all. */
const configured = createMiddleware<App>(async (c, next) => {
  const token = c.env.TIEBREAK_ADMIN_TOKEN;
  if (token === undefined || token.length < ADMIN_TOKEN_LENGTH_MIN) return problem('not_configured');
  return next();
});

/** The bad tokens of each address are counted; those of whom the runtime tells no address are not. */
const authenticated = createMiddleware<App>(async (c, next): Promise<Response | undefined> => {
  const address = addressOf(c);
  const token = bearerToken(c.req.header('authorization')) ?? '';
  if (address !== null && !failedAttempts.mayTry(address, token, Date.now())) return problem('too_many_failures');
  const caller = callerOf(token, c.env);
  if (caller !== null) {
    c.set('caller', caller);
    await next();
  } else {
    c.res = problem('unauthorized');
  }
  if (address === null) return undefined;
  const { status } = c.res;
  // The admin's is good whatever it was shown for. Of the others, only what a cluster has answered was looked at there.
  if (caller?.kind === 'admin' || status < 400 || status === 409) failedAttempts.succeeded(token);
  else if (status === 401) failedAttempts.failed(address, token, Date.now());
  return undefined;
});

const plainNames = createMiddleware<App>(async (c, next) => {
  const names = Object.values(c.req.param());
  return names.every((name) => Name.safeParse(name).success) ? next() : problem('bad_name');
});

export const app = new Hono<App>();

app.onError((error) => {
  if (error instanceof HTTPException && error.status === 408) return problem('too_slow');
  console.error(JSON.stringify({ level: 'error', message: 'request failed', error: error.stack ?? String(error) }));
  return problem('internal');
});
app.notFound(() => problem('not_found'));

app.use(configured);
app.use('/v1/*', authenticated);
app.use('/v1/clusters/:cluster', plainNames);
app.use('/v1/clusters/:cluster/backup', plainNames);
app.use('/v1/clusters/:cluster/nodes/:node', plainNames);
app.use('/v1/clusters/:cluster/viewers/:viewer', plainNames);
app.use('/v1/clusters/:cluster/monitors/:monitor', plainNames);
app.use('/v1/clusters/:cluster/webhooks', plainNames);
app.use('/v1/clusters/:cluster/webhooks/:webhook', plainNames);
app.use('/v1/clusters/:cluster/deliveries', plainNames);
app.use('/v1/clusters/:cluster/alerts', plainNames);
app.use('/v1/clusters/:cluster/groups/:group/nodes/:node/health', plainNames);
app.use('/v1/clusters/:cluster/events', plainNames);
app.use('/v1/clusters/:cluster/groups/:group', plainNames);
app.use('/v1/clusters/:cluster/groups/:group/vote', plainNames);
app.use('/v1/clusters/:cluster/link', plainNames);
app.use('/v1/clusters/:cluster/request', plainNames);

// Before secureHeaders: they would replace the response that carries the socket.
app.get('/v1/clusters/:cluster/link', async (c) => {
  if (!wantsSocket(c)) return problem('upgrade_required');
  if (c.get('caller').kind !== 'node') return problem('unauthorized');
  return cluster(c, c.req.param('cluster')).fetch(c.req.raw);
});

/** The stream: each event from now on as a text message, and 'ping' is answered with 'pong'. */
app.get('/v1/clusters/:cluster/events', async (c, next) => {
  if (!wantsSocket(c)) return next();
  return cluster(c, c.req.param('cluster')).fetch(c.req.raw);
});

app.route('/', streams);

app.use(
  secureHeaders({
    contentSecurityPolicy: {
      defaultSrc: ["'none'"],
      styleSrc: [NONCE],
      scriptSrc: [NONCE],
      connectSrc: ["'self'"],
      formAction: ["'self'"],
      frameAncestors: ["'none'"],
      baseUri: ["'none'"],
    },
  }),
);
app.use(timeout(REQUEST_WITHIN_MS, new HTTPException(408)));
const bodyOfAtMost = (maxSize: number) => bodyLimit({ maxSize, onError: () => problem('too_large') });
const ofAMessage = bodyOfAtMost(MESSAGE_LENGTH_MAX);
const ofManyAlerts = bodyOfAtMost(ALERTS_LENGTH_MAX);
const ofABackup = bodyOfAtMost(BACKUP_LENGTH_MAX);
app.use((c, next) => {
  const { path } = c.req;
  if (path.endsWith('/backup') && isAdmin(c)) return ofABackup(c, next);
  return (path.endsWith('/alerts') ? ofManyAlerts : ofAMessage)(c, next);
});
app.use('/v1/clusters/:cluster/webhooks', adminOnly);
app.use('/v1/clusters/:cluster/webhooks/:webhook', adminOnly);

app.get('/healthz', (c) => c.json({ status: 'ok' }));

app.get('/openapi.json', (c) => c.json(openApiDocument()));

app.route('/', pages);

app.route('/v1/clusters', clusterRoutes);
app.route('/v1/clusters/:cluster', webhookRoutes);
app.route('/v1/clusters/:cluster', healthRoutes);

app.get('/v1/clusters/:cluster/events', async (c) => {
  const query = EventsQuery.safeParse(c.req.query());
  if (!query.success) return problem('bad_query');
  const found = await cluster(c, c.req.param('cluster')).events(c.get('caller'), query.data);
  return found.ok ? c.json(found.page) : problem(found.reason);
});

app.get('/v1/clusters/:cluster', async (c) => {
  const described = await cluster(c, c.req.param('cluster')).describe(c.get('caller'));
  return described.ok ? c.json(described.view) : problem(described.reason);
});

app.get('/v1/clusters/:cluster/groups/:group', async (c) => {
  const described = await cluster(c, c.req.param('cluster')).describe(c.get('caller'));
  if (!described.ok) return problem(described.reason);
  const group = described.view.groups.find((view) => view.group === c.req.param('group'));
  return group === undefined ? problem('unknown_group') : c.json(group);
});

app.post('/v1/clusters/:cluster/groups/:group/vote', (c) =>
  ask(c, VoteRequest, c.req.param('cluster'), c.req.param('group')),
);
app.delete('/v1/clusters/:cluster/groups/:group/vote', (c) =>
  ask(c, ReleaseRequest, c.req.param('cluster'), c.req.param('group')),
);
app.post('/v1/clusters/:cluster/request', (c) => ask(c, WitnessRequest, c.req.param('cluster'), null));

/** The HTTPS fallback of the link: the same requests, the same signed answers. */
async function ask(
  c: Context<App>,
  schema: z.ZodType<WitnessRequest>,
  name: string,
  group: string | null,
): Promise<Response> {
  const caller = c.get('caller');
  if (caller.kind !== 'node') return problem('unauthorized');
  const request = schema.safeParse(parseJson(await c.req.text()));
  if (!request.success) return problem('bad_request');
  if (group !== null && 'group' in request.data && request.data.group !== group) return problem('bad_request');
  const answer = await cluster(c, name).ask(caller.token, request.data);
  if (!answer.ok) return problem(answer.reason);
  return c.json(answer.frame, answer.refused ? 409 : 200, { 'cache-control': 'no-store' });
}
