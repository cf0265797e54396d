import { z } from 'zod';
import { GROUP_STATES, type GroupState } from '../config/types.ts';

const State = z.enum(GROUP_STATES);

/** A group has another state on this node: what those are told who act upon it. */
export const GroupChange = z.object({
  /** Names the change for ever, so that whoever is told twice notices. */
  id: z.string(),
  /** RFC 3339, UTC */
  at: z.iso.datetime(),
  group: z.string(),
  node: z.string(),
  state: State,
  /** null: the agent has just started. */
  previous: State.nullable(),
  cause: z.string(),
  /** The fencing token: a higher counter is a later owner. 0 in mode "vrrp", which has none. */
  ballot: z.object({ counter: z.int().min(0), node: z.string() }),
  priority: z.int().min(0).max(255),
  virtualRouters: z.int().min(1),
  addresses: z.array(z.string()),
});
export type GroupChange = z.infer<typeof GroupChange>;

const KEEPALIVED_STATES: Readonly<Record<GroupState, string>> = {
  active: 'MASTER',
  backup: 'BACKUP',
  fault: 'FAULT',
  stopped: 'STOP',
};

/** What keepalived appends to the command of `notify`. */
export function keepalivedArguments({ group, state, priority, virtualRouters }: GroupChange): string[] {
  return [virtualRouters === 1 ? 'INSTANCE' : 'GROUP', group, KEEPALIVED_STATES[state], String(priority)];
}

/** @param attempt from 1 */
export function environmentOf(change: GroupChange, attempt: number): Readonly<Record<string, string>> {
  return {
    TIEBREAK_ID: change.id,
    TIEBREAK_AT: change.at,
    TIEBREAK_ATTEMPT: String(attempt),
    TIEBREAK_GROUP: change.group,
    TIEBREAK_NODE: change.node,
    TIEBREAK_STATE: change.state,
    TIEBREAK_PREVIOUS_STATE: change.previous ?? '',
    TIEBREAK_CAUSE: change.cause,
    TIEBREAK_BALLOT: String(change.ballot.counter),
    TIEBREAK_BALLOT_NODE: change.ballot.node,
    TIEBREAK_PRIORITY: String(change.priority),
    TIEBREAK_ADDRESSES: change.addresses.join(' '),
  };
}

/** What a webhook is sent (Standard Webhooks). */
export function webhookBody({ at, state, previous, virtualRouters: _, ...data }: GroupChange): string {
  return JSON.stringify({
    type: `tiebreak.group.${state}`,
    timestamp: at,
    data: { ...data, at, state, previous_state: previous },
  });
}
