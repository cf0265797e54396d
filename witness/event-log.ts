import type { SqlStorage } from '@cloudflare/workers-types';
import { type ClusterEvent, ClusterOccurrence, type EventsPage, type EventsQuery } from '@tiebreak/shared/wire';
import { z } from 'zod';
import { textOf } from './event-text.ts';

/** Some months of a cluster at rest; an hour of one that flaps. */
const EVENTS_MAX = 5_000;
const AGE_MAX_MS = 90 * 24 * 3_600_000;
/** Each row that goes is a written row: they go in batches, so that nothing but the newest is ever looked for. */
const PRUNE_EVERY = 100;

/** A page of owners must not read all the other events to find theirs; the index is used only where its own words are. */
const OF_AN_OWNER = "json_extract(body, '$.kind') = 'owner'";
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS event (id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, body TEXT NOT NULL);
  CREATE INDEX IF NOT EXISTS event_owner ON event (id) WHERE ${OF_AN_OWNER};
`;
const Row = z.strictObject({ id: z.int(), at_ms: z.int(), body: z.string() });
const Newest = z.strictObject({ id: z.int().nullable() });

const ANY_OR_THAT = "(? IS NULL OR json_extract(body, '$.kind') = ?)";

/** What has happened in a cluster: one row for each event, kept by count and by age. */
export class EventLog {
  readonly #sql: SqlStorage;
  #lastId = 0;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Before anything else, once the cluster exists. */
  open(): void {
    this.#sql.exec(SCHEMA);
    this.#lastId = Newest.parse(this.#sql.exec('SELECT max(id) AS id FROM event').one()).id ?? 0;
  }

  /**
   * Of a cluster that goes on after a restore. Its numbers are greater than any that the lost log may have had: receivers of
   * webhooks take an event whose number they have seen for a repetition.
   */
  restart(nowMs: number): void {
    this.open();
    this.#lastId = Math.max(this.#lastId, nowMs);
    this.add({ kind: 'recovery', state: 'started' }, nowMs);
  }

  add(event: ClusterOccurrence, atMs: number): ClusterEvent {
    this.#lastId += 1;
    const id = this.#lastId;
    this.#sql.exec('INSERT INTO event (id, at_ms, body) VALUES (?, ?, ?)', id, atMs, JSON.stringify(event));
    if (id % PRUNE_EVERY === 0) this.#prune(atMs);
    return view(id, atMs, event);
  }

  /** Newest first. */
  page({ before, limit, group, kind }: EventsQuery): {
    readonly events: readonly ClusterEvent[];
    readonly more: boolean;
  } {
    const rows = this.#sql
      .exec(
        `SELECT id, at_ms, body FROM event
         WHERE id < ? AND (? IS NULL OR coalesce(json_extract(body, '$.group'), json_extract(body, '$.decision.group')) = ?)
           AND ${kind === 'owner' ? OF_AN_OWNER : ANY_OR_THAT}
         ORDER BY id DESC LIMIT ?`,
        before ?? Number.MAX_SAFE_INTEGER,
        group,
        group,
        ...(kind === 'owner' ? [] : [kind, kind]),
        limit + 1,
      )
      .toArray();
    const found = z.array(Row).parse(rows);
    const events = found
      .slice(0, limit)
      .map(({ id, at_ms, body }) => view(id, at_ms, ClusterOccurrence.parse(JSON.parse(body))));
    return { events, more: found.length > limit };
  }

  #prune(nowMs: number): void {
    this.#sql.exec('DELETE FROM event WHERE id <= ?', this.#lastId - EVENTS_MAX);
    this.#sql.exec(
      'DELETE FROM event WHERE id < coalesce((SELECT id FROM event WHERE at_ms >= ? ORDER BY id LIMIT 1), 0)',
      nowMs - AGE_MAX_MS,
    );
  }
}

function view(id: number, atMs: number, event: ClusterOccurrence): ClusterEvent {
  return { id, at: new Date(atMs).toISOString(), text: textOf(event), event };
}

/** @param path where this page was found */
export function eventsPage(
  path: string,
  { limit, group, kind }: EventsQuery,
  { events, more }: ReturnType<EventLog['page']>,
): EventsPage {
  const last = events.at(-1);
  if (!more || last === undefined) return { events: [...events], older: null };
  const query = new URLSearchParams({ before: String(last.id), limit: String(limit) });
  if (group !== null) query.set('group', group);
  if (kind !== null) query.set('kind', kind);
  return { events: [...events], older: `${path}?${query}` };
}
