import type { CheckConfig } from '../config/index.ts';

export type CheckState = 'passing' | 'failing' | 'unknown';

/** What is known of one check. `sinceMs`: wall clock, when the state last changed. */
export type CheckView = {
  readonly config: CheckConfig;
  readonly state: CheckState;
  readonly sinceMs: number;
  readonly detail: string;
  /** reports in a row that spoke against the state */
  readonly against: number;
};

/** Until the first report a check speaks for nothing. */
export function unreported(config: CheckConfig, nowMs: number): CheckView {
  return {
    config,
    state: 'unknown',
    sinceMs: nowMs,
    detail: config.kind === 'push' ? 'nothing was reported yet' : 'not looked at yet',
    against: 0,
  };
}

/** `inARow`: how many reports have said the same by now, if not all of them came here. */
export type HealthSaid = { readonly healthy: boolean; readonly detail: string; readonly inARow?: number };

/** A report: the state changes once `rise` or `fall` of them in a row speak against it; the first one counts at once. */
export function reported(view: CheckView, { healthy, detail, inARow = 1 }: HealthSaid, nowMs: number): CheckView {
  const said: CheckState = healthy ? 'passing' : 'failing';
  if (view.state === said) return { ...view, detail, against: 0 };
  const against = Math.max(view.against + 1, inARow);
  const needed = view.state === 'unknown' ? 1 : healthy ? view.config.rise : view.config.fall;
  if (against < needed) return { ...view, against };
  return { ...view, state: said, sinceMs: nowMs, detail, against: 0 };
}
