import { request } from 'undici';
import type { ProbedCheckConfig } from '../config/index.ts';
import { failureText } from '../failure-text.ts';
import type { HealthSaid } from './check-view.ts';
import { failed, timedOut } from './outcome.ts';

type HttpCheck = Extract<ProbedCheckConfig, { kind: 'http' }>;

/** Healthy if a GET is answered with 200 to 299, over a connection of its own. Redirects are not followed. */
export async function probeHttp({ url, timeoutMs }: HttpCheck, running: AbortSignal): Promise<HealthSaid> {
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const { statusCode, body } = await request(url, {
      signal: AbortSignal.any([late, running]),
      headersTimeout: timeoutMs,
      bodyTimeout: timeoutMs,
      reset: true,
    });
    await body.dump();
    const detail = `HTTP ${statusCode}`;
    return statusCode >= 200 && statusCode <= 299 ? { healthy: true, detail } : failed(detail);
  } catch (error) {
    if (late.aborted) return timedOut(timeoutMs);
    return failed(failureText(error));
  }
}
