import { z } from 'zod';
import { ClusterEvent } from './events.ts';
import { Name } from './identifiers.ts';

/** What webhooks are told of. Votes and decisions are many, and are read as events. */
const WEBHOOK_KINDS = ['owner', 'protection', 'node', 'hearing', 'health', 'recovery'] as const;
const KINDS_UNASKED: readonly (typeof WEBHOOK_KINDS)[number][] = ['owner', 'protection', 'node', 'recovery'];

export const WebhookKind = z.enum(WEBHOOK_KINDS);
export type WebhookKind = z.infer<typeof WebhookKind>;

const WebhookKinds = z
  .array(WebhookKind)
  .min(1)
  .max(WEBHOOK_KINDS.length)
  .describe('the kinds of events that it is told of');

export const PutWebhook = z.strictObject({
  url: z.string().max(2_000).describe('https://, on the public Internet'),
  kinds: WebhookKinds.default([...KINDS_UNASKED]),
});
export type PutWebhook = z.infer<typeof PutWebhook>;

export const IssuedWebhook = z.strictObject({
  secret: z.string().describe('whsec_…: with it the receiver verifies the signatures; shown this once'),
});

export const WebhookView = z.strictObject({
  webhook: Name,
  url: z.string(),
  kinds: WebhookKinds,
  state: z.enum(['active', 'gone']).describe('gone: it answered 410, and is told nothing more until it is put again'),
  waiting: z.int().min(0).describe('messages that were not delivered yet'),
});
export type WebhookView = z.infer<typeof WebhookView>;

export const WebhooksView = z.strictObject({ webhooks: z.array(WebhookView) });

export const Delivery = z.strictObject({
  id: z.int().min(1).describe('grows with each message'),
  webhook: Name,
  message_id: z.string().describe('the header webhook-id: the same at each attempt, and at each webhook'),
  event: z.int().min(1).describe('the id of the event'),
  text: z.string().describe('the event, for people'),
  state: z.enum(['waiting', 'delivered', 'given_up']),
  attempts: z.int().min(0),
  attempted_at: z.iso.datetime().nullable(),
  next_at: z.iso.datetime().nullable(),
  answer: z.string().nullable().describe('of the last attempt: the status, or what failed'),
});
export type Delivery = z.infer<typeof Delivery>;

const DELIVERIES_PAGE_MAX = 200;

export const DeliveriesQuery = z.strictObject({
  before: z.coerce.number().int().min(1).nullable().default(null).describe('only deliveries with a lower id'),
  limit: z.coerce.number().int().min(1).max(DELIVERIES_PAGE_MAX).default(50),
  webhook: Name.nullable().default(null).describe('only of this webhook'),
});
export type DeliveriesQuery = z.infer<typeof DeliveriesQuery>;

export const DeliveriesPage = z.strictObject({
  deliveries: z.array(Delivery).describe('newest first'),
  older: z.string().nullable().describe('where the page before this one is; null: there is none'),
});
export type DeliveriesPage = z.infer<typeof DeliveriesPage>;

/** What a webhook is sent (Standard Webhooks): the event as the API has it, and the cluster that it happened in. */
export const WebhookMessage = z.strictObject({
  type: z.templateLiteral(['tiebreak.', WebhookKind]),
  timestamp: z.iso.datetime().describe('when it happened'),
  data: ClusterEvent.extend({ cluster: Name }),
});
export type WebhookMessage = z.infer<typeof WebhookMessage>;
