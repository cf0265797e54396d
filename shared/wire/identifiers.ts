import { z } from 'zod';
import { BALLOT_COUNTER_MAX } from '../lease/ballot.ts';

/** Names of nodes, groups and clusters: part of paths, file names and datagrams, hence short and plain. */
export const Name = z
  .string()
  .regex(/^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/, 'lower-case letters, digits, dot, dash and underscore; 1 to 63');

export const BallotMessage = z.strictObject({
  counter: z.int().min(0).max(BALLOT_COUNTER_MAX),
  node: z.string().max(63),
});
