import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { App } from './context.ts';
import { problem } from './problem.ts';

export const isAdmin = (c: Context<App>) => c.get('caller')?.kind === 'admin';

export const adminOnly = createMiddleware<App>(async (c, next) => {
  return isAdmin(c) ? next() : problem('admin_only');
});
