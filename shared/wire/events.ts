import { z } from 'zod';
import { BallotMessage, Name } from './identifiers.ts';
import { HistoryEntry } from './report.ts';
import { RefusalReason } from './witness.ts';

/** What the witness decided about a vote. Renewals of a vote by its holder are no news and are not kept. */
const VoteEvent = z.strictObject({
  kind: z.literal('vote'),
  group: Name,
  node: Name.describe('who asked, or whose vote ended'),
  ballot: BallotMessage,
  outcome: z
    .enum(['granted', 'refused', 'released', 'ended'])
    .describe('ended: by time, since the holder did not ask for more'),
  reason: RefusalReason.nullable().describe('of a refusal'),
  promise_ms: z.int().nullable().describe('of a grant: for how long'),
  holder_before: z.string().nullable().describe('who had the vote when it was decided'),
  remaining_ms_before: z.int().min(0).describe('for how long it was bound then'),
});

/** What an agent decided, as its own history has it; it may come later, if the witness was out of its reach. */
const DecisionEvent = z.strictObject({ kind: z.literal('decision'), node: Name, decision: HistoryEntry });

/** By what the nodes report. */
const OwnerEvent = z.strictObject({
  kind: z.literal('owner'),
  group: Name,
  from: z.string().nullable(),
  to: z.string().nullable().describe('null: nobody owns it'),
  ballot: BallotMessage,
});

const ProtectionEvent = z.strictObject({
  kind: z.literal('protection'),
  group: Name,
  node: Name.describe('the owner, who says so'),
  protected: z.boolean(),
  reason: z.string().nullable(),
});

const NodeEvent = z.strictObject({
  kind: z.literal('node'),
  node: Name,
  state: z.enum(['found', 'lost']).describe('lost: the witness has not heard it for ten seconds'),
});

const HearingEvent = z.strictObject({
  kind: z.literal('hearing'),
  node: Name,
  peer: Name,
  state: z.enum(['heard', 'silent']).describe('whether node hears peer over the sideband'),
});

const RecoveryEvent = z.strictObject({
  kind: z.literal('recovery'),
  state: z.enum(['started', 'ended']).describe('until it has ended, the witness gives its vote to nobody (L14)'),
});

const CredentialEvent = z.strictObject({
  kind: z.literal('credential'),
  node: Name,
  action: z.enum(['issued', 'replaced', 'revoked']),
});

const HealthEvent = z.strictObject({
  kind: z.literal('health'),
  group: Name,
  node: Name.describe('whose service it is'),
  check: Name,
  healthy: z.boolean(),
  detail: z.string(),
  monitor: Name.describe('who says so'),
});

/** What happens in a cluster. */
export const ClusterOccurrence = z.discriminatedUnion('kind', [
  VoteEvent,
  DecisionEvent,
  OwnerEvent,
  ProtectionEvent,
  NodeEvent,
  HearingEvent,
  RecoveryEvent,
  CredentialEvent,
  HealthEvent,
]);
export type ClusterOccurrence = z.infer<typeof ClusterOccurrence>;

const OCCURRENCE_KINDS = ClusterOccurrence.options.map(({ shape }) => shape.kind.value);

/** An occurrence as the witness keeps it. */
export const ClusterEvent = z.strictObject({
  id: z.int().min(1).describe('grows with each event of the cluster'),
  at: z.iso.datetime().describe("by the witness's clock"),
  text: z.string().describe('for people'),
  event: ClusterOccurrence,
});
export type ClusterEvent = z.infer<typeof ClusterEvent>;

const EVENTS_PAGE_MAX = 200;

export const EventsQuery = z.strictObject({
  before: z.coerce.number().int().min(1).nullable().default(null).describe('only events with a lower id'),
  limit: z.coerce.number().int().min(1).max(EVENTS_PAGE_MAX).default(50),
  group: Name.nullable().default(null).describe('only what concerns this group'),
  kind: z.enum(OCCURRENCE_KINDS).nullable().default(null).describe('only events of this kind'),
});
export type EventsQuery = z.infer<typeof EventsQuery>;

export const EventsPage = z.strictObject({
  events: z.array(ClusterEvent).describe('newest first'),
  older: z.string().nullable().describe('where the page before this one is; null: there is none'),
});
export type EventsPage = z.infer<typeof EventsPage>;
