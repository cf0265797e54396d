import type { SqlStorage } from '@cloudflare/workers-types';
import { type HealthReport, PassedHealth } from '@tiebreak/shared/wire';
import { z } from 'zod';

const CHECKS_MAX = 1_000;
/** As many reports in a row as a check can ask for; more of the same need not be written. */
const IN_A_ROW_MAX = 100;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS health (
    node TEXT NOT NULL, grp TEXT NOT NULL, chk TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (node, grp, chk)
  ) WITHOUT ROWID
`;
const Row = z.strictObject({ node: z.string(), body: z.string() });

export type Reported = {
  readonly passed: PassedHealth;
  /** The last report about that check said otherwise, or there was none. */
  readonly changed: boolean;
};

/** What outside monitors have said last of each check, kept so that a node which was away is told. */
export class HealthReports {
  readonly #sql: SqlStorage;
  readonly #byNode = new Map<string, Map<string, PassedHealth>>();
  #lastStampMs = 0;
  #size = 0;

  /** Makes the table where there is none. */
  constructor(sql: SqlStorage) {
    this.#sql = sql;
    sql.exec(SCHEMA);
    for (const { node, body } of z.array(Row).parse(sql.exec('SELECT node, body FROM health').toArray())) {
      this.#keep(node, PassedHealth.parse(JSON.parse(body)));
    }
  }

  /** Null: there are as many checks as there can be. */
  report(node: string, group: string, { check, healthy, detail }: HealthReport, nowMs: number): Reported | null {
    const known = this.#byNode.get(node)?.get(keyOf(group, check));
    if (known === undefined && this.#size >= CHECKS_MAX) return null;
    const changed = known?.healthy !== healthy;
    const inARow = changed ? 1 : Math.min(IN_A_ROW_MAX, known.in_a_row + 1);
    const stampMs = Math.max(nowMs, this.#lastStampMs + 1);
    const passed: PassedHealth = { group, check, healthy, detail, in_a_row: inARow, stamp_ms: stampMs };
    this.#keep(node, passed);
    // A monitor that says the same every ten seconds must not cost a row each time.
    if (changed || known.in_a_row !== inARow) this.#save(node, passed);
    return { passed, changed };
  }

  of(node: string): PassedHealth[] {
    return [...(this.#byNode.get(node)?.values() ?? [])];
  }

  forget(node: string): void {
    this.#size -= this.#byNode.get(node)?.size ?? 0;
    this.#byNode.delete(node);
    this.#sql.exec('DELETE FROM health WHERE node = ?', node);
  }

  #keep(node: string, passed: PassedHealth): void {
    const checks = this.#byNode.get(node) ?? new Map<string, PassedHealth>();
    const key = keyOf(passed.group, passed.check);
    if (!checks.has(key)) this.#size += 1;
    this.#byNode.set(node, checks.set(key, passed));
    this.#lastStampMs = Math.max(this.#lastStampMs, passed.stamp_ms);
  }

  #save(node: string, passed: PassedHealth): void {
    this.#sql.exec(
      `INSERT INTO health (node, grp, chk, body) VALUES (?, ?, ?, ?)
       ON CONFLICT (node, grp, chk) DO UPDATE SET body = excluded.body`,
      node,
      passed.group,
      passed.check,
      JSON.stringify(passed),
    );
  }
}

/** No name has a slash. */
function keyOf(group: string, check: string): string {
  return `${group}/${check}`;
}
