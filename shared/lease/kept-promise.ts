import { type Ballot, sameBallot } from './ballot.ts';
import { boundTo } from './register.ts';
import { promiseUs, type Turn } from './turn.ts';

/** A promise that outlives the process and the boot: `state_dir` holds it, fsynced, before anyone may count on it. */
export type KeptPromise =
  /** policy `bias`: after every start the vote is bound to `holder` for `durationUs` once more, in full */
  | { readonly kind: 'bias'; readonly holder: string; readonly ballot: Ballot; readonly durationUs: number }
  /** L17: the vote is bound to the survivor without end */
  | { readonly kind: 'departed'; readonly holder: string; readonly ballot: Ballot; readonly departure: Ballot };

/** What of it is on disk, and what was last asked to be written there. */
export type KeptPromiseView = {
  readonly written: KeptPromise | undefined;
  readonly asked: { readonly promise: KeptPromise; readonly atUs: number } | undefined;
};

export const NO_KEPT_PROMISE: KeptPromiseView = { written: undefined, asked: undefined };

const ASK_AGAIN_US = 2_000_000;

/** Has the promise written; nothing may be counted on before `promise-persisted` says that it was. */
export function persistPromise(turn: Turn, promise: KeptPromise): void {
  const { asked } = turn.kept;
  if (asked !== undefined && samePromise(asked.promise, promise) && turn.nowUs < asked.atUs + ASK_AGAIN_US) return;
  turn.kept = { ...turn.kept, asked: { promise, atUs: turn.nowUs } };
  turn.effects.push({ type: 'persist-promise', promise });
}

/** False: what was written is no longer wanted, or something else was asked for since. */
export function notePersisted(turn: Turn, promise: KeptPromise): boolean {
  const { asked } = turn.kept;
  if (asked === undefined || !samePromise(asked.promise, promise)) return false;
  turn.kept = { written: promise, asked: undefined };
  return true;
}

export function forgetPromise(turn: Turn): void {
  if (turn.kept.written === undefined && turn.kept.asked === undefined) return;
  turn.kept = NO_KEPT_PROMISE;
  turn.effects.push({ type: 'forget-promise' });
}

/** A bias promise that no longer binds for longer than any other is no longer worth being restored. */
export function dropSpentPromise(turn: Turn): void {
  const { written, asked } = turn.kept;
  const promise = written ?? asked?.promise;
  if (promise?.kind !== 'bias') return;
  const bound = boundTo(turn.register, turn.nowUs);
  const binds = bound?.holder === promise.holder && bound.untilUs > turn.nowUs + promiseUs(turn.config);
  const offered = turn.witness.lost && bound?.holder === promise.holder;
  if (!binds && !offered) forgetPromise(turn);
}

function samePromise(left: KeptPromise, right: KeptPromise): boolean {
  if (left.holder !== right.holder) return false;
  if (left.kind === 'bias') return right.kind === 'bias' && left.durationUs === right.durationUs;
  return right.kind === 'departed' && sameBallot(left.departure, right.departure);
}
