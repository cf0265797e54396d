import { type Ballot, highestBallot, sameBallot } from './ballot.ts';
import { PROMISE_MAX_MS } from './constants.ts';
import { boundTo, FREE_REGISTER, type Register } from './register.ts';
import { promiseUs, type Turn } from './turn.ts';

/**
 * The register as `run_dir` holds it (L9): plain JSON, of use only within the boot in which it was written. It may be
 * read by another process that votes in this one's place, such as the guardian.
 */
export type RegisterRecord = {
  /** to whom the vote is promised: this node itself while it stands or owns; null: to nobody */
  readonly holder: string | null;
  readonly ballot: Ballot;
  /** CLOCK_BOOTTIME in µs, somewhat later than the promise itself ends; null: without end */
  readonly endUs: number | null;
  readonly highestGranted: Ballot;
  readonly released: Ballot;
};

const PROMISE_MAX_US = PROMISE_MAX_MS * 1000;

/**
 * L9: what the register promises is written down before any heartbeat, verdict or request leaves that depends on it, hence
 * as the first effect of its step. The end is recorded ahead of use, so that most acks cost no write.
 */
export function recordRegister(turn: Turn): void {
  // What a former run has promised is not known before the quarantine is over, and so nothing may be written over it.
  const { role } = turn;
  const isUnknown = role.name === 'initialize' || (role.name === 'stopped' && turn.recorded === undefined);
  if (isUnknown || isRecorded(turn)) return;
  const { bound, highestGranted, released } = turn.register;
  const record: RegisterRecord = {
    holder: bound?.holder ?? null,
    ballot: bound?.ballot ?? highestGranted,
    endUs: bound === undefined ? turn.nowUs : recordedEndUs(turn, bound.untilUs),
    highestGranted,
    released,
  };
  turn.recorded = record;
  turn.effects.unshift({ type: 'record-register', record });
}

/** The register with which an agent goes on that has found `record`: its own candidacy or ownership died with its process. */
export function restoreRegister(record: RegisterRecord, node: string): Register {
  const { holder, ballot, endUs, highestGranted, released } = record;
  const known = { ...FREE_REGISTER, highestGranted: highestBallot(highestGranted, ballot), released };
  if (holder === null || holder === node) return known;
  return { ...known, bound: { holder, ballot, untilUs: endUs ?? Number.POSITIVE_INFINITY } };
}

function isRecorded({ register, recorded, config, nowUs }: Turn): boolean {
  if (recorded === undefined) return false;
  const { bound } = register;
  if (bound === undefined) return recorded.holder === null;
  // What has run out binds nobody, recorded or not.
  if (boundTo(register, nowUs) === undefined) return true;
  if (recorded.holder !== bound.holder || !sameBallot(recorded.ballot, bound.ballot)) return false;
  if (bound.holder === config.node) return true;
  return recorded.endUs === null ? bound.untilUs === Number.POSITIVE_INFINITY : bound.untilUs <= recorded.endUs;
}

function recordedEndUs({ config, nowUs }: Turn, untilUs: number): number | null {
  if (untilUs === Number.POSITIVE_INFINITY) return null;
  const remainingUs = untilUs - nowUs;
  // Never beyond PROMISE_MAX because of writing ahead: an agent that knows nothing at all waits for no longer either.
  if (remainingUs <= PROMISE_MAX_US) return Math.min(untilUs + promiseUs(config), nowUs + PROMISE_MAX_US);
  return untilUs + remainingUs / 4;
}
