import type { SqlStorage } from '@cloudflare/workers-types';
import { z } from 'zod';
import { newHolderToken, readHolderToken, sameText, type TokenKind } from './credential.ts';

const HOLDERS_MAX = 32;

const Row = z.strictObject({ name: z.string(), verifier: z.string() });

export type Issued = { readonly token: string; readonly replaced: boolean };

/** Who holds a token for one purpose, each by a name. Every verifier is compared, so that the time tells nothing. */
export class TokenHolders {
  readonly #sql: SqlStorage;
  readonly #kind: TokenKind;
  readonly #witnessId: string;
  readonly #verifiers = new Map<string, string>();

  /** Makes the table where there is none. */
  constructor(sql: SqlStorage, kind: TokenKind, witnessId: string) {
    this.#sql = sql;
    this.#kind = kind;
    this.#witnessId = witnessId;
    sql.exec(`CREATE TABLE IF NOT EXISTS ${kind} (name TEXT PRIMARY KEY, verifier TEXT NOT NULL) WITHOUT ROWID`);
    const rows = z.array(Row).parse(sql.exec(`SELECT name, verifier FROM ${kind}`).toArray());
    for (const { name, verifier } of rows) this.#verifiers.set(name, verifier);
  }

  /** By name: what verifies a token, and cannot be presented. */
  get verifiers(): ReadonlyMap<string, string> {
    return this.#verifiers;
  }

  /** From a backup, into an empty table. */
  restore(name: string, verifier: string): void {
    this.#save(name, verifier);
  }

  /** Whose token this is; null: nobody's. */
  holderOf(token: string): string | null {
    const presented = readHolderToken(this.#kind, token, this.#witnessId);
    if (presented === null) return null;
    let found: string | null = null;
    for (const [name, verifier] of this.#verifiers) if (sameText(verifier, presented)) found = name;
    return found;
  }

  /** Whoever had a token gets another; null: there are as many as there can be. */
  issue(name: string): Issued | null {
    const replaced = this.#verifiers.has(name);
    if (!replaced && this.#verifiers.size >= HOLDERS_MAX) return null;
    const { token, verifier } = newHolderToken(this.#kind, this.#witnessId);
    this.#save(name, verifier);
    return { token, replaced };
  }

  revoke(name: string): boolean {
    if (!this.#verifiers.delete(name)) return false;
    this.#sql.exec(`DELETE FROM ${this.#kind} WHERE name = ?`, name);
    return true;
  }

  #save(name: string, verifier: string): void {
    this.#sql.exec(
      `INSERT INTO ${this.#kind} (name, verifier) VALUES (?, ?)
       ON CONFLICT (name) DO UPDATE SET verifier = excluded.verifier`,
      name,
      verifier,
    );
    this.#verifiers.set(name, verifier);
  }
}
