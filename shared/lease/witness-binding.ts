import { TTL_MAX_MS } from './constants.ts';
import type { WitnessEffect } from './witness.types.ts';

/** A timer that was started in this instance and has not run out. */
export type Wait = { readonly timer: number; readonly delayMs: number };

/**
 * Until when this instance stays bound (L12): until the wall clock has passed `untilMs` *and* every timer in `waits` has
 * run out. The wall clock alone may jump; the timers alone may be early where the runtime's are.
 */
export type Binding = { readonly untilMs: number; readonly waits: readonly Wait[] };

/** How soon to ask again when only a timer is still out, which a forward jump of the wall clock brings about. */
const TIMER_STILL_OUT_MS = 20;

/**
 * Binds for `durationMs` (at most TTL_MAX) from `nowMs`, counted by the timer `timer`, on top of what `former` binds: a
 * binding never gets shorter. A timer that cannot outlast the new one is dropped.
 */
export function bind(former: Binding | null, durationMs: number, timer: number, nowMs: number): Binding {
  const waits = former === null ? [] : former.waits.filter((wait) => wait.delayMs > durationMs);
  const formerUntilMs = former === null ? nowMs : untilOf(former, nowMs);
  return {
    untilMs: Math.max(formerUntilMs, nowMs + durationMs),
    waits: [...waits, { timer, delayMs: durationMs }],
  };
}

export function withoutTimer(binding: Binding, timer: number): Binding {
  return { ...binding, waits: binding.waits.filter((wait) => wait.timer !== timer) };
}

export function isOver(binding: Binding, nowMs: number): boolean {
  return binding.waits.length === 0 && nowMs >= untilOf(binding, nowMs);
}

/** In ms, at least 1 while the binding lasts; 0 once it is over. */
export function remainingMs(binding: Binding, nowMs: number): number {
  const wallMs = Math.ceil(untilOf(binding, nowMs) - nowMs);
  if (wallMs > 0) return wallMs;
  return binding.waits.length > 0 ? TIMER_STILL_OUT_MS : 0;
}

export function waitsFor(binding: Binding, timer: number): boolean {
  return binding.waits.some((wait) => wait.timer === timer);
}

/** The timers to stop and to start on the way from one binding to the next. */
export function timerChanges(before: Binding | null, after: Binding | null): WitnessEffect[] {
  const changes: WitnessEffect[] = [];
  for (const { timer } of before?.waits ?? []) {
    if (after === null || !waitsFor(after, timer)) changes.push({ kind: 'stop_timer', timer });
  }
  for (const { timer, delayMs } of after?.waits ?? []) {
    if (before === null || !waitsFor(before, timer)) changes.push({ kind: 'start_timer', timer, delayMs });
  }
  return changes;
}

/** No binding is longer than TTL_MAX, so more than that means that the wall clock was set back. */
function untilOf(binding: Binding, nowMs: number): number {
  return Math.min(binding.untilMs, nowMs + TTL_MAX_MS);
}
