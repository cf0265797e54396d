import { z } from 'zod';
import { BALLOT_COUNTER_MAX } from '../lease/ballot.ts';

/** Names of nodes, groups and clusters: part of paths, file names and datagrams, hence short and plain. */
export const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;
export const Name = z.string().regex(NAME, 'lower-case letters, digits, dot, dash and underscore; 1 to 63');

export const BALLOT_NODE_LENGTH_MAX = 63;

export const BallotMessage = z.strictObject({
  counter: z.int().min(0).max(BALLOT_COUNTER_MAX),
  node: z.string().max(BALLOT_NODE_LENGTH_MAX),
});
