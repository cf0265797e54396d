import type { HealthSaid } from './check-view.ts';

export function failed(detail: string): HealthSaid {
  return { healthy: false, detail };
}

export function timedOut(timeoutMs: number): HealthSaid {
  return failed(`no answer within ${timeoutMs} ms`);
}

/** What a system call, or undici, says of its failure: the code where there is one. */
export function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
