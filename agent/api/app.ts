import { type Context, Hono } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { Status } from './status.ts';

export type Health = {
  /** False: the decision loop has made no progress for too long. */
  readonly ok: boolean;
  readonly detail: string;
};

export type ApiSources = {
  /** Called for each request; must be quick, since it runs in the engine's own thread. */
  readonly status: () => Status;
  readonly health: () => Health;
  /** An error of the API itself; the caller learns no more than that there was one. */
  readonly onError?: (error: Error) => void;
};

const READ_METHODS = 'GET, HEAD';

/** The local API (DESIGN section 7): reads only. */
export function createApp({ status, health, onError }: ApiSources): Hono {
  const app = new Hono();
  app.get('/v1/status', (context) => context.json(status()));
  app.get('/healthz', (context) => {
    const { ok, detail } = health();
    return ok ? context.json({ status: 'ok', detail }) : problem(context, 503, 'The agent is stuck', detail);
  });
  for (const path of ['/v1/status', '/healthz']) {
    app.all(path, (context) => {
      context.header('Allow', READ_METHODS);
      return problem(context, 405, 'Method not allowed', `${path} can be read with ${READ_METHODS}`);
    });
  }
  app.notFound((context) =>
    problem(context, 404, 'Not found', `there is no ${context.req.path}; there are /v1/status and /healthz`),
  );
  app.onError((error, context) => {
    onError?.(error);
    return problem(context, 500, 'Internal error', 'the log of the agent has the details');
  });
  return app;
}

/** RFC 9457 */
function problem(context: Context, status: ContentfulStatusCode, title: string, detail: string): Response {
  context.header('Cache-Control', 'no-store');
  return context.body(JSON.stringify({ type: 'about:blank', title, status, detail }), status, {
    'Content-Type': 'application/problem+json',
  });
}
