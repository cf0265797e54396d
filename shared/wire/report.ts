import { z } from 'zod';
import { BallotMessage, Name } from './identifiers.ts';

/** A report is one message of the link: with these it is at most 16 KiB long. */
export const REPORT_PEERS_MAX = 16;
export const REPORT_GROUPS_MAX = 8;
export const REPORT_DECISIONS_MAX = 4;
const TEXT_LENGTH_MAX = 1_000;

/** A text for people as a report may carry it. */
export function fitting(text: string): string {
  return text.length <= TEXT_LENGTH_MAX ? text : `${text.slice(0, TEXT_LENGTH_MAX - 1)}…`;
}

export const Role = z.enum(['active', 'backup', 'candidate', 'initialize', 'fault', 'maintenance']);

/** Incarnation of the agent, and the number of the decision in it. */
export const HistoryEntryId = z
  .string()
  .regex(/^[0-9]{1,15}-[0-9]{1,15}$/)
  .describe("the agent's incarnation, and the number of the decision in it");

/** One decision of an agent (DESIGN section 7): what changed, why, and by which votes. */
export const HistoryEntry = z.object({
  id: HistoryEntryId,
  /** RFC 3339, UTC */
  at: z.iso.datetime(),
  group: Name,
  from: z.string().max(20),
  to: z.string().max(20),
  ballot: BallotMessage,
  cause: z.string().max(40),
  votes: z
    .array(z.object({ voter: z.string().max(63), state: z.string().max(20), remaining_ms: z.number().nullable() }))
    .max(6),
  text: z.string().max(TEXT_LENGTH_MAX),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;

/** Whether `entry` was decided after `other`; after nothing (null), everything was. */
export function decidedAfter(entry: string, other: string | null): boolean {
  if (other === null) return true;
  const [incarnation = 0, number = 0] = entry.split('-').map(Number);
  const [otherIncarnation = 0, otherNumber = 0] = other.split('-').map(Number);
  return incarnation === otherIncarnation ? number > otherNumber : incarnation > otherIncarnation;
}

/** Whether a node hears another one over the sideband. */
export const PeerReport = z.strictObject({
  node: Name,
  state: z.enum(['heard', 'silent']),
  rtt_ms: z.number().min(0).nullable().describe('round trip over the fastest path; null: not measured'),
});
export type PeerReport = z.infer<typeof PeerReport>;

/** A group as one node sees it. */
export const GroupReport = z.strictObject({
  group: Name,
  role: Role,
  ballot: BallotMessage,
  protected: z.boolean().describe('false: nothing prevents a second owner'),
  reason: z.string().max(TEXT_LENGTH_MAX).nullable(),
});
export type GroupReport = z.infer<typeof GroupReport>;
