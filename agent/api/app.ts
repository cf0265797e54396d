import type { HistoryEntry } from '@tiebreak/shared/wire';
import { Hono } from 'hono';
import type { Access } from './access.ts';
import type { Operations } from './operations.ts';
import { problem } from './problem.ts';
import type { Status } from './status.ts';
import { writeRoutes } from './writes.ts';

export type Health = {
  /** False: the decision loop has made no progress for too long. */
  readonly ok: boolean;
  readonly detail: string;
};

export type ApiSources = {
  /** Called for each request; must be quick, since it runs in the engine's own thread. */
  readonly status: () => Status;
  readonly history: () => readonly HistoryEntry[];
  readonly health: () => Health;
  readonly operations: Operations;
  /** As it is sent to Prometheus. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
  /** An error of the API itself; the caller learns no more than that there was one. */
  readonly onError?: (error: Error) => void;
};

const READ_METHODS = 'GET, HEAD';
const READ_PATHS = ['/v1/status', '/v1/history', '/metrics', '/healthz'] as const;
const WRITE_PATHS = [
  '/v1/maintenance',
  '/v1/reload',
  '/v1/groups/:group/handover',
  '/v1/groups/:group/health',
  '/v1/groups/:group/takeover',
  '/v1/groups/:group/join',
] as const;

/** The local API (DESIGN section 7), as it is served where `access` holds. */
export function createApp(sources: ApiSources, access: Access): Hono {
  const { status, history, metrics, health, operations, onError } = sources;
  const app = new Hono();
  app.get('/v1/status', (context) => context.json(status()));
  app.get('/v1/history', (context) => context.json(history()));
  app.get('/metrics', async (context) => {
    const { contentType, text } = await metrics();
    return context.body(text, 200, { 'Content-Type': contentType });
  });
  app.get('/healthz', (context) => {
    const { ok, detail } = health();
    return ok ? context.json({ status: 'ok', detail }) : problem(context, 503, 'The agent is stuck', detail);
  });
  app.route('/v1', writeRoutes(operations, access));
  for (const [paths, methods] of [
    [READ_PATHS, READ_METHODS],
    [WRITE_PATHS, 'POST'],
  ] as const) {
    for (const path of paths) {
      app.all(path, (context) => {
        context.header('Allow', methods);
        return problem(context, 405, 'Method not allowed', `${context.req.path} takes ${methods}`);
      });
    }
  }
  app.notFound((context) =>
    problem(
      context,
      404,
      'Not found',
      `there is no ${context.req.path}; there are ${[...READ_PATHS, ...WRITE_PATHS].join(', ')}`,
    ),
  );
  app.onError((error, context) => {
    onError?.(error);
    return problem(context, 500, 'Internal error', 'the log of the agent has the details');
  });
  return app;
}
