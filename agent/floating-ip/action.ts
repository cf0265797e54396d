import { setTimeout as sleep } from 'node:timers/promises';
import { type Assigned, type Call, type Failure, passing } from './provider.ts';

/** What a cloud says of work that it has taken on. */
export type Action = { readonly kind: 'running' } | { readonly kind: 'done' } | Failure;

/** How often and how long work of the cloud is asked after. */
export type Patience = { readonly pollMs: number; readonly longestMs: number };

/** Reserved and floating IPs move within seconds. */
export const USUAL_PATIENCE: Patience = { pollMs: 1_000, longestMs: 60_000 };

/** Asks again and again how the work goes, until it has ended or `patience` has. */
export async function waitForAction(
  first: Action,
  ask: () => Promise<Action>,
  call: Call,
  { pollMs, longestMs }: Patience,
): Promise<Assigned> {
  let action = first;
  for (let waitedMs = 0; action.kind === 'running'; waitedMs += pollMs) {
    if (waitedMs >= longestMs) return passing(`the cloud is still at it after ${longestMs / 1_000} s`);
    await sleep(pollMs, undefined, { signal: call.signal }).catch(() => {});
    action = await ask();
  }
  return action.kind === 'done' ? { kind: 'assigned' } : action;
}
