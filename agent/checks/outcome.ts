import type { HealthSaid } from './check-view.ts';

export function failed(detail: string): HealthSaid {
  return { healthy: false, detail };
}

export function timedOut(timeoutMs: number): HealthSaid {
  return failed(`no answer within ${timeoutMs} ms`);
}
