import { z } from 'zod';
import { Name } from './identifiers.ts';

export const HEALTH_DETAIL_LENGTH_MAX = 500;

/** What an outside program says of a push check (DESIGN section 7): to the agent itself, or to the witness. */
export const HealthReport = z.strictObject({
  check: Name.describe('the name of a push check of the group'),
  healthy: z.boolean(),
  detail: z.string().max(HEALTH_DETAIL_LENGTH_MAX).default('').describe('for people'),
});
export type HealthReport = z.infer<typeof HealthReport>;

/** As it goes on to the node. In a row: what an agent that was away has missed still counts. */
export const PassedHealth = HealthReport.extend({
  group: Name,
  in_a_row: z.int().min(1).describe('so many reports have said the same by now'),
  stamp_ms: z.int().min(0).describe('when it came; grows with each report'),
});
export type PassedHealth = z.infer<typeof PassedHealth>;

export const HealthTaken = z.strictObject({
  delivered: z.boolean().describe('the node has an open link; if not, it is told as soon as it has one'),
});

const ALERTS_MAX = 200;
const AlertIgnored = z.enum(['no_labels', 'unknown_group', 'unknown_node', 'too_many_checks']);

/** Alertmanager's webhook (version 4): of what it sends, what is looked at. Anything else may be there too. */
export const AlertmanagerMessage = z.object({
  version: z.literal('4'),
  alerts: z
    .array(
      z.object({
        status: z.enum(['firing', 'resolved']),
        labels: z
          .record(z.string(), z.string())
          .describe('tiebreak_group, tiebreak_node and tiebreak_check say what it is about'),
        annotations: z.record(z.string(), z.string()).default({}).describe('summary becomes the detail'),
      }),
    )
    .max(ALERTS_MAX),
});
export type AlertmanagerMessage = z.infer<typeof AlertmanagerMessage>;

export const AlertsTaken = z.strictObject({
  taken: z.int().min(0),
  ignored: z.array(z.strictObject({ alert: z.string(), reason: AlertIgnored })),
});
export type AlertsTaken = z.infer<typeof AlertsTaken>;
