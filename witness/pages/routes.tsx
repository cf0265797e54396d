import { EventsQuery, Name } from '@tiebreak/shared/wire';
import { type Context, Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { createMiddleware } from 'hono/factory';
import type { Caller } from '../caller.ts';
import { callerOf } from '../caller.ts';
import { type App, addressOf, cluster, wantsSocket } from '../context.ts';
import { failedAttempts } from '../failed-attempts.ts';
import { problem } from '../problem.ts';
import { ReferencePage } from './reference.tsx';
import { SignInPage } from './sign-in.tsx';
import { StatusPage } from './status.tsx';

const COOKIE = 'tiebreak';
const COOKIE_DAYS = 30;

const plainName = createMiddleware<App>(async (c, next) => {
  return Name.safeParse(c.req.param('cluster')).success ? next() : problem('bad_name');
});

/** The page's own stream of events: by its cookie, and for pages of this origin alone. */
export const streams = new Hono<App>();

streams.get('/clusters/:cluster/events', plainName, async (c) => {
  if (!wantsSocket(c)) return problem('upgrade_required');
  const caller = viewerOf(c);
  if (caller === null || !isOwnOrigin(c)) return problem('unauthorized');
  const name = c.req.param('cluster');
  const headers = { upgrade: 'websocket', authorization: `Bearer ${caller.token}` };
  return cluster(c, name).fetch(new Request(new URL(`/v1/clusters/${name}/events`, c.req.url), { headers }));
});

/** What people read. */
export const pages = new Hono<App>();

pages.get('/reference', (c) => c.html(<ReferencePage nonce={nonceOf(c)} />));

pages.get('/clusters/:cluster', plainName, async (c) => {
  c.header('cache-control', 'no-store');
  const name = c.req.param('cluster');
  const query = EventsQuery.safeParse(c.req.query());
  if (!query.success) return problem('bad_query');
  const caller = viewerOf(c);
  if (caller === null) return c.html(<SignInPage cluster={name} nonce={nonceOf(c)} />, 401);
  const found = await cluster(c, name).overview(caller, query.data);
  if (!found.ok) {
    deleteCookie(c, COOKIE, { path: `/clusters/${name}` });
    return c.html(<SignInPage cluster={name} nonce={nonceOf(c)} problem="Your token is good here no longer." />, 401);
  }
  return c.html(<StatusPage overview={found.overview} nonce={nonceOf(c)} nowMs={Date.now()} />);
});

pages.post('/clusters/:cluster/sign-in', plainName, async (c) => {
  c.header('cache-control', 'no-store');
  const name = c.req.param('cluster');
  const body = await formOf(c);
  if (body === null) return problem('bad_request');
  const token = typeof body.token === 'string' ? body.token.trim() : '';
  const address = addressOf(c);
  if (address !== null && !failedAttempts.mayTry(address, token, Date.now())) return problem('too_many_failures');
  const caller = callerOf(token, c.env);
  // What may do more than look has no business in a browser.
  const wrong = caller === null || caller.kind !== 'viewer';
  if (wrong || !(await cluster(c, name).describe(caller)).ok) {
    if (address !== null) failedAttempts.failed(address, token, Date.now());
    const text = 'This is no token of a viewer of this cluster.';
    return c.html(<SignInPage cluster={name} nonce={nonceOf(c)} problem={text} />, 401);
  }
  setCookie(c, COOKIE, caller.token, {
    path: `/clusters/${name}`,
    httpOnly: true,
    sameSite: 'Strict',
    secure: new URL(c.req.url).protocol === 'https:',
    maxAge: COOKIE_DAYS * 86_400,
  });
  return c.redirect(`/clusters/${name}`, 303);
});

pages.post('/clusters/:cluster/sign-out', plainName, (c) => {
  const name = c.req.param('cluster');
  deleteCookie(c, COOKIE, { path: `/clusters/${name}` });
  return c.redirect(`/clusters/${name}`, 303);
});

/** By host alone: what terminates TLS in front of the witness changes the scheme. */
function isOwnOrigin(c: Context<App>): boolean {
  const origin = c.req.header('origin');
  return origin !== undefined && URL.canParse(origin) && new URL(origin).host === c.req.header('host');
}

/** Null: what it says it is, it is not. */
async function formOf(c: Context<App>): Promise<Readonly<Record<string, unknown>> | null> {
  try {
    return await c.req.parseBody();
  } catch (error) {
    // The runtime's word for a malformed form; what was cut off or too slow is another matter.
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function nonceOf(c: Context<App>): string {
  return c.get('secureHeadersNonce') ?? '';
}

function viewerOf(c: Context<App>): Extract<Caller, { token: string }> | null {
  const token = getCookie(c, COOKIE);
  const caller = token === undefined ? null : callerOf(token, c.env);
  return caller?.kind === 'viewer' ? caller : null;
}
