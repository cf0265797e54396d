import { type Ballot, compareBallots, highestBallot, NO_BALLOT } from './ballot.ts';
import type { Refusal } from './claim.ts';

/**
 * A voter's one register (L1). Until it expires it binds the voter towards everyone, the voter itself included.
 * `highestGranted` and `released` outlive every holder (L5, L10).
 */
export type Register = {
  readonly bound: { readonly holder: string; readonly ballot: Ballot; readonly untilUs: number } | undefined;
  readonly highestGranted: Ballot;
  readonly released: Ballot;
};

export const FREE_REGISTER: Register = { bound: undefined, highestGranted: NO_BALLOT, released: NO_BALLOT };

/** Whom the register binds at `nowUs`. */
export function boundTo(register: Register, nowUs: number): Register['bound'] {
  return register.bound !== undefined && nowUs < register.bound.untilUs ? register.bound : undefined;
}

/** Not below the highest granted, and not released: the register may bind with it, if it is free (L5, L10). */
export function isGrantable({ highestGranted, released }: Register, ballot: Ballot): boolean {
  return compareBallots(ballot, highestGranted) >= 0 && compareBallots(ballot, released) > 0;
}

export type BindOutcome =
  | { readonly ok: true; readonly register: Register }
  | { readonly ok: false; readonly reason: Extract<Refusal, 'bound' | 'lower_ballot'>; readonly remainingUs: number };

/**
 * Binds the register to `holder` until `untilUs`, or extends what binds it already; never shortens.
 * Refuses while it is bound to someone else, and every ballot below the highest granted or already released.
 */
export function bind(register: Register, holder: string, ballot: Ballot, untilUs: number, nowUs: number): BindOutcome {
  const bound = boundTo(register, nowUs);
  if (bound !== undefined && bound.holder !== holder) {
    return { ok: false, reason: 'bound', remainingUs: bound.untilUs - nowUs };
  }
  // The live holder goes on whatever others have asked for and released (L10).
  const isRenewal = bound !== undefined && compareBallots(ballot, register.highestGranted) >= 0;
  if (!isRenewal && !isGrantable(register, ballot)) return { ok: false, reason: 'lower_ballot', remainingUs: 0 };
  return {
    ok: true,
    register: {
      ...register,
      bound: { holder, ballot, untilUs: Math.max(untilUs, bound?.untilUs ?? untilUs) },
      highestGranted: highestBallot(ballot, register.highestGranted),
    },
  };
}

/** Frees the register from `holder` at `ballot` or below it; that ballot never lives again (L5). */
export function release(register: Register, holder: string, ballot: Ballot): Register {
  const frees = register.bound?.holder === holder && compareBallots(ballot, register.bound.ballot) >= 0;
  return {
    bound: frees ? undefined : register.bound,
    highestGranted: register.highestGranted,
    released: highestBallot(register.released, ballot),
  };
}

/** Frees the register from `holder`, which may stand with the same ballot again: nobody was told that it is released. */
export function free(register: Register, holder: string): Register {
  return register.bound?.holder === holder ? { ...register, bound: undefined } : register;
}
