import { z } from 'zod';

/** One decision (DESIGN section 7): what changed, why, and by which votes. `GET /v1/history`, oldest first. */
export const HistoryEntry = z.object({
  /** RFC 3339, UTC */
  at: z.iso.datetime(),
  group: z.string(),
  from: z.string(),
  to: z.string(),
  ballot: z.object({ counter: z.int().min(0), node: z.string() }),
  cause: z.string(),
  votes: z.array(z.object({ voter: z.string(), state: z.string(), remaining_ms: z.number().nullable() })),
  text: z.string(),
});
export type HistoryEntry = z.infer<typeof HistoryEntry>;
export const History = z.array(HistoryEntry);
