import {
  ClusterBackup,
  CreateCluster,
  EventsQuery,
  Name,
  ReleaseRequest,
  RestoreQuery,
  VoteRequest,
  WitnessRequest,
} from '@tiebreak/shared/wire';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { createMiddleware } from 'hono/factory';
import { HTTPException } from 'hono/http-exception';
import { NONCE, secureHeaders } from 'hono/secure-headers';
import { timeout } from 'hono/timeout';
import type { z } from 'zod';
import { BACKUP_LENGTH_MAX } from './backup.ts';
import { bearerToken } from './bearer.ts';
import { callerOf } from './caller.ts';
import { type App, cluster, wantsSocket } from './context.ts';
import { MESSAGE_LENGTH_MAX, parseJson } from './json.ts';
import { openApiDocument } from './openapi.ts';
import { pages, streams } from './pages/routes.tsx';
import { problem } from './problem.ts';

const ADMIN_TOKEN_LENGTH_MIN = 16;
/** Five times as long as any request is fresh (L13); a body that trickles in holds no connection for longer. */
const REQUEST_WITHIN_MS = 10_000;

/** Never 'no auth': without a good admin token nothing is answered at all. */
const configured = createMiddleware<App>(async (c, next) => {
  const token = c.env.TIEBREAK_ADMIN_TOKEN;
  if (token === undefined || token.length < ADMIN_TOKEN_LENGTH_MIN) return problem('not_configured');
  return next();
});

const authenticated = createMiddleware<App>(async (c, next) => {
  const token = bearerToken(c.req.header('authorization'));
  const caller = token === null ? null : callerOf(token, c.env);
  if (caller === null) return problem('unauthorized');
  c.set('caller', caller);
  return next();
});

const isAdmin = (c: Context<App>) => c.get('caller')?.kind === 'admin';

const adminOnly = createMiddleware<App>(async (c, next) => {
  return isAdmin(c) ? next() : problem('admin_only');
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
const ofABackup = bodyOfAtMost(BACKUP_LENGTH_MAX);
app.use((c, next) => (c.req.path.endsWith('/backup') && isAdmin(c) ? ofABackup : ofAMessage)(c, next));

app.get('/healthz', (c) => c.json({ status: 'ok' }));

app.get('/openapi.json', (c) => c.json(openApiDocument()));

app.route('/', pages);

app.put('/v1/clusters/:cluster', adminOnly, async (c) => {
  const text = await c.req.text();
  const body = CreateCluster.safeParse(text === '' ? {} : parseJson(text));
  if (!body.success) return problem('bad_request');
  const name = c.req.param('cluster');
  const { created, witness_id } = await cluster(c, name, body.data.location_hint).create(name);
  return c.json({ cluster: name, witness_id }, created ? 201 : 200);
});

app.delete('/v1/clusters/:cluster', adminOnly, async (c) => {
  return (await cluster(c, c.req.param('cluster')).retire()) ? c.body(null, 204) : problem('unknown_cluster');
});

app.get('/v1/clusters/:cluster/backup', adminOnly, async (c) => {
  const backup = await cluster(c, c.req.param('cluster')).backup();
  return backup === null ? problem('unknown_cluster') : c.json(backup, 200, { 'cache-control': 'no-store' });
});

app.put('/v1/clusters/:cluster/backup', adminOnly, async (c) => {
  const query = RestoreQuery.safeParse(c.req.query());
  if (!query.success) return problem('bad_query');
  const backup = ClusterBackup.safeParse(parseJson(await c.req.text()));
  if (!backup.success) return problem('bad_request');
  const name = c.req.param('cluster');
  if (backup.data.cluster !== name) return problem('other_cluster');
  const restored = await cluster(c, name, query.data.location_hint).restore(backup.data);
  return restored ? c.json({ cluster: name, witness_id: backup.data.witness_id }, 201) : problem('cluster_exists');
});

/** Asked again, it issues another token, and the former one is void at once. */
app.put('/v1/clusters/:cluster/nodes/:node', adminOnly, async (c) => {
  const issued = await cluster(c, c.req.param('cluster')).issueToken(c.req.param('node'));
  if (!issued.ok) return problem(issued.reason);
  return c.json({ token: issued.token }, issued.replaced ? 200 : 201, { 'cache-control': 'no-store' });
});

app.delete('/v1/clusters/:cluster/nodes/:node', adminOnly, async (c) => {
  const revoked = await cluster(c, c.req.param('cluster')).revokeToken(c.req.param('node'));
  return revoked.ok ? c.body(null, 204) : problem(revoked.reason);
});

app.put('/v1/clusters/:cluster/viewers/:viewer', adminOnly, async (c) => {
  const issued = await cluster(c, c.req.param('cluster')).issueViewerToken(c.req.param('viewer'));
  if (!issued.ok) return problem(issued.reason);
  return c.json({ token: issued.token }, issued.replaced ? 200 : 201, { 'cache-control': 'no-store' });
});

app.delete('/v1/clusters/:cluster/viewers/:viewer', adminOnly, async (c) => {
  const revoked = await cluster(c, c.req.param('cluster')).revokeViewerToken(c.req.param('viewer'));
  return revoked.ok ? c.body(null, 204) : problem(revoked.reason);
});

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
