import type { SqlStorage } from '@cloudflare/workers-types';
import { type DeliveriesQuery, WebhookKind } from '@tiebreak/shared/wire';
import { z } from 'zod';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS webhook (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS delivery (
    id INTEGER PRIMARY KEY,
    webhook TEXT NOT NULL,
    event INTEGER NOT NULL,
    message TEXT NOT NULL,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL,
    attempted_at_ms INTEGER,
    next_at_ms INTEGER,
    answer TEXT
  );
  CREATE INDEX IF NOT EXISTS delivery_waiting ON delivery (webhook, id) WHERE state = 'waiting';
`;

const WebhookBody = z.strictObject({
  url: z.string(),
  kinds: z.array(WebhookKind),
  secret: z.string(),
  /** Receivers need time to learn of a new secret. */
  former: z.strictObject({ secret: z.string(), untilMs: z.int() }).nullable(),
  gone: z.boolean(),
});
export type StoredWebhook = Readonly<z.infer<typeof WebhookBody>>;

const WebhookRow = z.strictObject({ name: z.string(), body: z.string() });
const DeliveryRow = z.strictObject({
  id: z.int(),
  webhook: z.string(),
  event: z.int(),
  message: z.string(),
  state: z.enum(['waiting', 'delivered', 'given_up']),
  attempts: z.int(),
  attempted_at_ms: z.int().nullable(),
  next_at_ms: z.int().nullable(),
  answer: z.string().nullable(),
});
export type StoredDelivery = Readonly<z.infer<typeof DeliveryRow>>;

const Count = z.strictObject({ found: z.int() });
const Earliest = z.strictObject({ at_ms: z.int().nullable() });

/** The rows of webhooks and of what they were told, and are to be told. */
export class WebhookStorage {
  readonly #sql: SqlStorage;

  /** Makes the tables where there are none. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
  }

  webhooks(): Map<string, StoredWebhook> {
    const rows = z.array(WebhookRow).parse(this.#sql.exec('SELECT name, body FROM webhook').toArray());
    return new Map(rows.map(({ name, body }) => [name, WebhookBody.parse(JSON.parse(body))]));
  }

  saveWebhook(name: string, webhook: StoredWebhook): void {
    this.#sql.exec(
      'INSERT INTO webhook (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body',
      name,
      JSON.stringify(webhook),
    );
  }

  removeWebhook(name: string): void {
    this.#sql.exec('DELETE FROM webhook WHERE name = ?', name);
  }

  addDelivery(webhook: string, event: number, message: string, dueAtMs: number): void {
    this.#sql.exec(
      `INSERT INTO delivery (webhook, event, message, state, attempts, next_at_ms) VALUES (?, ?, ?, 'waiting', 0, ?)`,
      webhook,
      event,
      message,
      dueAtMs,
    );
  }

  saveAttempt({ id, state, attempts, attempted_at_ms, next_at_ms, answer }: StoredDelivery): void {
    this.#sql.exec(
      'UPDATE delivery SET state = ?, attempts = ?, attempted_at_ms = ?, next_at_ms = ?, answer = ? WHERE id = ?',
      state,
      attempts,
      attempted_at_ms,
      next_at_ms,
      answer,
      id,
    );
  }

  /** What waits for `webhook` is not tried again; the oldest `atMost`. */
  giveUp(webhook: string, answer: string, atMost = Number.MAX_SAFE_INTEGER): void {
    this.#sql.exec(
      `UPDATE delivery SET state = 'given_up', next_at_ms = NULL, answer = ?
       WHERE id IN (SELECT id FROM delivery WHERE webhook = ? AND state = 'waiting' ORDER BY id LIMIT ?)`,
      answer,
      webhook,
      atMost,
    );
  }

  waiting(webhook: string): number {
    const query = `SELECT count(*) AS found FROM delivery WHERE webhook = ? AND state = 'waiting'`;
    return Count.parse(this.#sql.exec(query, webhook).one()).found;
  }

  /** Infinity: nothing waits. */
  nextDueAtMs(): number {
    const query = `SELECT min(next_at_ms) AS at_ms FROM delivery WHERE state = 'waiting'`;
    return Earliest.parse(this.#sql.exec(query).one()).at_ms ?? Number.POSITIVE_INFINITY;
  }

  /** Oldest first. */
  due(webhook: string, nowMs: number, limit: number): StoredDelivery[] {
    const query = `SELECT * FROM delivery WHERE webhook = ? AND state = 'waiting' AND next_at_ms <= ? ORDER BY id LIMIT ?`;
    return z.array(DeliveryRow).parse(this.#sql.exec(query, webhook, nowMs, limit).toArray());
  }

  /** Undefined: it is there no longer. */
  delivery(id: number): StoredDelivery | undefined {
    return z.array(DeliveryRow).parse(this.#sql.exec('SELECT * FROM delivery WHERE id = ?', id).toArray())[0];
  }

  /** Newest first, and one more than the page has, if there is. */
  page({ before, limit, webhook }: DeliveriesQuery): StoredDelivery[] {
    const query = 'SELECT * FROM delivery WHERE id < ? AND (? IS NULL OR webhook = ?) ORDER BY id DESC LIMIT ?';
    const cursor = this.#sql.exec(query, before ?? Number.MAX_SAFE_INTEGER, webhook, webhook, limit + 1);
    return z.array(DeliveryRow).parse(cursor.toArray());
  }

  /** Of those that are over with, only such stay as are among the newest `atMost` of all. */
  prune(atMost: number): void {
    this.#sql.exec(
      `DELETE FROM delivery WHERE id <= (SELECT max(id) FROM delivery) - ? AND state <> 'waiting'`,
      atMost,
    );
  }
}
