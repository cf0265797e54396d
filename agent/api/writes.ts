import { HealthReport, parseJson } from '@tiebreak/shared/wire';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { z } from 'zod';
import { type Access, type AccessProblem, writeProblem } from './access.ts';
import type { Operations, Outcome } from './operations.ts';
import { problem } from './problem.ts';

/** A report with a long detail; nothing that is asked here comes near. */
const BODY_BYTES_MAX = 8_192;

const Handover = z.strictObject({ to: z.string().optional() });
const Nothing = z.strictObject({});
const Maintenance = z.strictObject({ on: z.boolean() });
/** The group's name once more, as a person types it who knows what it means. */
const Forced = z.strictObject({ confirm: z.string() });

const ACCESS_PROBLEMS: Readonly<Record<AccessProblem, readonly [401 | 403, string]>> = {
  no_token_configured: [403, 'writes over TCP need token_file in [api]; the socket in run_dir needs none'],
  wrong_token: [401, 'send the token of token_file in [api] as Authorization: Bearer TOKEN'],
};

/** The writing half of the local API (DESIGN section 7), below `/v1`. */
export function writeRoutes(operations: Operations, access: Access): Hono {
  const app = new Hono();
  app.use(async (context, next) => {
    if (context.req.method !== 'POST') return next();
    const refused = writeProblem(access, context.req.header('authorization'));
    if (refused === undefined) return next();
    const [status, detail] = ACCESS_PROBLEMS[refused];
    return problem(context, status, 'Not allowed', detail);
  });
  app.use(
    bodyLimit({
      maxSize: BODY_BYTES_MAX,
      onError: (context) => problem(context, 413, 'Too large', `the body may have ${BODY_BYTES_MAX} bytes`),
    }),
  );
  app.post('/groups/:group/handover', (context) =>
    withBody(context, Handover, ({ to }) => operations.handOver(context.req.param('group'), to)),
  );
  app.post('/groups/:group/health', (context) =>
    withBody(context, HealthReport, ({ check, ...said }) =>
      operations.reportHealth(context.req.param('group'), check, said),
    ),
  );
  app.post('/groups/:group/takeover', (context) =>
    forced(context, context.req.param('group'), (group) => operations.forceTakeover(group)),
  );
  app.post('/groups/:group/join', (context) =>
    forced(context, context.req.param('group'), (group) => operations.forceJoin(group)),
  );
  app.post('/reload', (context) => withBody(context, Nothing, () => operations.reload()));
  app.post('/maintenance', (context) => withBody(context, Maintenance, ({ on }) => operations.setMaintenance(on)));
  return app;
}

function forced(context: Context, group: string, act: (group: string) => Outcome): Promise<Response> {
  return withBody(context, Forced, ({ confirm }) => {
    if (confirm === group) return act(group);
    return { ok: false, reason: 'refused', detail: `confirm must be the group's name, ${group}, not '${confirm}'` };
  });
}

/** An empty body stands for `{}`. */
async function withBody<Body>(
  context: Context,
  schema: z.ZodType<Body>,
  act: (body: Body) => Outcome | Promise<Outcome>,
): Promise<Response> {
  const text = await context.req.text();
  const body = schema.safeParse(text.trim() === '' ? {} : parseJson(text));
  if (!body.success) return problem(context, 400, 'Wrong body', z.prettifyError(body.error).replaceAll('\n', ' '));
  const outcome = await act(body.data);
  if (outcome.ok) return context.json({ detail: outcome.detail });
  const status = outcome.reason === 'not_found' ? 404 : 409;
  return problem(context, status, status === 404 ? 'Not found' : 'Refused', outcome.detail);
}
