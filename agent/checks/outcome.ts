import type { HealthSaid } from './check-view.ts';

/** What a look came to. `inconclusive`: it could not be taken, which is a failure, and none of the service's. */
export type Look = HealthSaid & { readonly inconclusive?: true };

export function couldNotLook(detail: string): Look {
  return { healthy: false, detail, inconclusive: true };
}

/** For a check with `reverse`: what could not be looked at fails as well. */
export function turnedRound(look: Look): Look {
  return look.inconclusive ? look : { healthy: !look.healthy, detail: `${look.detail} (reverse)` };
}

export function failed(detail: string): HealthSaid {
  return { healthy: false, detail };
}

export function timedOut(timeoutMs: number): HealthSaid {
  return failed(`no answer within ${timeoutMs} ms`);
}
