import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';

/** RFC 9457 */
export function problem(context: Context, status: ContentfulStatusCode, title: string, detail: string): Response {
  context.header('Cache-Control', 'no-store');
  return context.body(JSON.stringify({ type: 'about:blank', title, status, detail }), status, {
    'Content-Type': 'application/problem+json',
  });
}
