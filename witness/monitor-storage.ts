import type { SqlStorage } from '@cloudflare/workers-types';
import { BallotMessage, GroupReport, HistoryEntryId } from '@tiebreak/shared/wire';
import { z } from 'zod';
import type { GroupState, Monitor, NodeState } from './monitor.ts';

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS node_state (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS group_state (name TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID;
`;

const NodeBody = z.strictObject({
  lost: z.boolean(),
  silent: z.array(z.string()),
  decided: HistoryEntryId.nullable(),
});
const GroupBody = z.strictObject({
  owner: z.string().nullable(),
  ballot: BallotMessage,
  vacantSinceMs: z.number().nullable(),
  protected: z.boolean(),
  reports: z.record(z.string(), GroupReport.extend({ atMs: z.number() })),
});
const Row = z.strictObject({ name: z.string(), body: z.string() });

/** The rows of what the nodes report: one for each node and one for each group, written when they change. */
export class MonitorStorage {
  readonly #sql: SqlStorage;

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Makes the tables where there are none. What a former version wrote, and this one cannot read, is reported anew. */
  load(): Monitor {
    this.#sql.exec(SCHEMA);
    const nodes = new Map<string, NodeState>();
    const groups = new Map<string, GroupState>();
    for (const { name, body } of this.#rows('SELECT name, body FROM node_state')) {
      const read = NodeBody.safeParse(JSON.parse(body));
      if (read.success) nodes.set(name, read.data);
    }
    for (const { name, body } of this.#rows('SELECT name, body FROM group_state')) {
      const read = GroupBody.safeParse(JSON.parse(body));
      if (read.success) groups.set(name, read.data);
    }
    return { nodes, groups, quietSinceMs: new Map() };
  }

  /** Writes what differs. */
  save(before: Monitor, after: Monitor): void {
    for (const [name, state] of after.nodes) if (before.nodes.get(name) !== state) this.#put('node_state', name, state);
    for (const [name, state] of after.groups) {
      if (before.groups.get(name) !== state) this.#put('group_state', name, state);
    }
    for (const name of before.nodes.keys()) {
      if (!after.nodes.has(name)) this.#sql.exec('DELETE FROM node_state WHERE name = ?', name);
    }
  }

  #put(table: 'node_state' | 'group_state', name: string, state: NodeState | GroupState): void {
    this.#sql.exec(
      `INSERT INTO ${table} (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body`,
      name,
      JSON.stringify(state),
    );
  }

  #rows(query: string): z.infer<typeof Row>[] {
    return z.array(Row).parse(this.#sql.exec(query).toArray());
  }
}
