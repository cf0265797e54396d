import type { z } from 'zod';
import { BALLOT_COUNTER_MAX } from '../lease/ballot.ts';
import { BALLOT_NODE_LENGTH_MAX, NAME } from './identifiers.ts';
import { CONFIG_HASH, PROMISE_MS_MAX, type VoteRequest, WitnessRequest } from './witness.ts';

type Vote = z.infer<typeof VoteRequest>;
type Fields = Readonly<Record<string, unknown>>;

/**
 * What parsed JSON asks of the witness; null: nothing that the schema knows. A vote is recognised by hand, because a host may
 * be waiting for it and the schema takes a third of all that the witness adds to a write; the schema judges the rest.
 */
export function readRequest(value: unknown): WitnessRequest | null {
  if (isVote(value)) return value;
  const read = WitnessRequest.safeParse(value);
  return read.success ? read.data : null;
}

/** Accepts nothing that `VoteRequest` does not: a test holds the two against each other. */
function isVote(value: unknown): value is Vote {
  return (
    hasFields(value, 10) &&
    value.type === 'vote' &&
    matches(value.group, NAME) &&
    isBallot(value.ballot) &&
    isWhole(value.promise_ms, 1, PROMISE_MS_MAX) &&
    matches(value.config_hash, CONFIG_HASH) &&
    isWhole(value.sequence) &&
    isWhole(value.incarnation) &&
    isWhole(value.stamp_ms) &&
    isWhole(value.stamp_age_ms) &&
    isWhole(value.serial)
  );
}

function isBallot(value: unknown): boolean {
  if (!hasFields(value, 2)) return false;
  const { counter, node } = value;
  return isWhole(counter, 0, BALLOT_COUNTER_MAX) && typeof node === 'string' && node.length <= BALLOT_NODE_LENGTH_MAX;
}

/** So many, all of them named by whoever asks: then there is no other one. */
function hasFields(value: unknown, count: number): value is Fields {
  return typeof value === 'object' && value !== null && Object.keys(value).length === count;
}

function matches(value: unknown, pattern: RegExp): boolean {
  return typeof value === 'string' && pattern.test(value);
}

function isWhole(value: unknown, least = 0, most = Number.MAX_SAFE_INTEGER): boolean {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most;
}
