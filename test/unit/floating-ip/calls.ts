import { onTestFinished } from 'vitest';
import { ApiClient } from '../../../agent/floating-ip/api-client.ts';
import type { Call } from '../../../agent/floating-ip/provider.ts';
import type { Server } from '../../cloud/stand-in.ts';

/** Asks after the cloud's work without waiting long. */
export const IMPATIENT = { pollMs: 5, longestMs: 100 };

/** A call that is allowed `times` requests. */
export function callOf(times = Number.POSITIVE_INFINITY): Call & { readonly abort: () => void } {
  let left = times;
  const controller = new AbortController();
  const allowed = (): boolean => {
    left -= 1;
    return left >= 0;
  };
  return { allowed, signal: controller.signal, abort: () => controller.abort() };
}

export function openClient(): ApiClient {
  const client = new ApiClient();
  onTestFinished(() => client.close());
  return client;
}

/** Closed when the test ends. */
export async function during<T extends Server>(starting: Promise<T>): Promise<T> {
  const server = await starting;
  onTestFinished(() => server.close());
  return server;
}

export function requestsOf(server: Server): string[] {
  return server.calls.map(({ method, path }) => `${method} ${path}`);
}
