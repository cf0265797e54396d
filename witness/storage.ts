import type { SqlStorage } from '@cloudflare/workers-types';
import type { WitnessAnswer, WitnessMemory, WitnessRegister } from '@tiebreak/shared/lease';
import { BallotMessage, WitnessResult } from '@tiebreak/shared/wire';
import { z } from 'zod';
import type { Credential } from './credential.ts';
import { ReplyKey } from './reply-key.ts';

// One row for a group, without rowid and without index: a renewal writes exactly one row, its answer included.
const SCHEMA = `
  CREATE TABLE cluster (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    name TEXT NOT NULL,
    witness_id TEXT NOT NULL,
    serial INTEGER NOT NULL,
    recovering INTEGER NOT NULL
  );
  CREATE TABLE node (
    name TEXT PRIMARY KEY,
    verifier TEXT NOT NULL,
    reply_key TEXT NOT NULL,
    answer TEXT
  ) WITHOUT ROWID;
  CREATE TABLE vote (
    name TEXT PRIMARY KEY,
    register TEXT NOT NULL,
    serial INTEGER NOT NULL,
    answered TEXT,
    answer TEXT
  ) WITHOUT ROWID;
`;

const Integer = z.int().min(0);
const Register = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('free'), ballot: BallotMessage, retired: z.boolean() }),
  z.strictObject({
    kind: z.literal('held'),
    ballot: BallotMessage,
    promiseMs: Integer,
    grantedAtMs: Integer,
    configHash: z.string(),
  }),
]);
const Answer = z.strictObject({ incarnation: Integer, sequence: Integer, result: WitnessResult });

const ClusterRow = z.strictObject({
  name: z.string(),
  witness_id: z.string(),
  serial: Integer,
  recovering: z.literal([0, 1]),
});
const NodeRow = z.strictObject({
  name: z.string(),
  verifier: z.string(),
  reply_key: z.string(),
  answer: z.string().nullable(),
});
const VoteRow = z.strictObject({
  name: z.string(),
  register: z.string(),
  serial: Integer,
  answered: z.string().nullable(),
  answer: z.string().nullable(),
});

export type Identity = { readonly name: string; readonly witnessId: string };

export type Stored = {
  readonly identity: Identity;
  readonly memory: WitnessMemory;
  readonly nodes: ReadonlyMap<string, Credential>;
};

/** The rows of one cluster. What it reads is validated: a former version may have written it. */
export class ClusterStorage {
  readonly #sql: SqlStorage;
  /** Which node's answer the row of a group holds. */
  readonly #answered = new Map<string, string>();

  constructor(sql: SqlStorage) {
    this.#sql = sql;
  }

  /** Null: no such cluster has been created. Writes nothing, so that guessing names leaves no trace. */
  load(): Stored | null {
    if (this.#rows("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'cluster'").length === 0) return null;
    const [row] = this.#rows('SELECT name, witness_id, serial, recovering FROM cluster');
    const cluster = ClusterRow.parse(row);
    const answers = new Map<string, WitnessAnswer>();
    const nodes = new Map<string, Credential>();
    for (const node of z.array(NodeRow).parse(this.#rows('SELECT name, verifier, reply_key, answer FROM node'))) {
      nodes.set(node.name, { verifier: node.verifier, replyKey: new ReplyKey(node.reply_key) });
      if (node.answer !== null) answers.set(node.name, Answer.parse(JSON.parse(node.answer)));
    }
    let { serial } = cluster;
    const registers = new Map<string, WitnessRegister>();
    for (const vote of z
      .array(VoteRow)
      .parse(this.#rows('SELECT name, register, serial, answered, answer FROM vote'))) {
      registers.set(vote.name, Register.parse(JSON.parse(vote.register)));
      serial = Math.max(serial, vote.serial);
      if (vote.answered === null || vote.answer === null) continue;
      this.#answered.set(vote.name, vote.answered);
      keepNewest(answers, vote.answered, Answer.parse(JSON.parse(vote.answer)));
    }
    return {
      identity: { name: cluster.name, witnessId: cluster.witness_id },
      memory: { serial, recovering: cluster.recovering === 1, registers, answers },
      nodes,
    };
  }

  create(identity: Identity, { serial, recovering }: WitnessMemory): void {
    // Of a cluster of that name that was retired.
    this.#answered.clear();
    this.#sql.exec(SCHEMA);
    this.#sql.exec(
      'INSERT INTO cluster (only, name, witness_id, serial, recovering) VALUES (1, ?, ?, ?, ?)',
      identity.name,
      identity.witnessId,
      serial,
      recovering ? 1 : 0,
    );
  }

  /** All of it or nothing: the caller wraps it into a transaction. */
  restore({ identity, memory, nodes }: Stored): void {
    this.create(identity, memory);
    for (const [node, credential] of nodes) this.saveCredential(node, credential);
    for (const [node, answer] of memory.answers) this.saveAnswer(node, answer);
    for (const [group, register] of memory.registers) this.saveRegister(group, register, memory.serial);
  }

  /** The node starts afresh: requests under its former credential can no longer come, so their order is forgotten. */
  saveCredential(node: string, { verifier, replyKey }: Credential): void {
    this.#sql.exec(
      `INSERT INTO node (name, verifier, reply_key) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET verifier = excluded.verifier, reply_key = excluded.reply_key, answer = NULL`,
      node,
      verifier,
      replyKey.hex,
    );
    this.#forgetAnswers(node);
  }

  /** What its requests were answered goes too: whoever has its name later begins anew. */
  removeCredential(node: string): void {
    this.#sql.exec('DELETE FROM node WHERE name = ?', node);
    this.#forgetAnswers(node);
  }

  saveAnswer(node: string, answer: WitnessAnswer): void {
    this.#sql.exec('UPDATE node SET answer = ? WHERE name = ?', JSON.stringify(answer), node);
  }

  saveRecovery(serial: number, recovering: boolean): void {
    this.#sql.exec('UPDATE cluster SET serial = ?, recovering = ?', serial, recovering ? 1 : 0);
  }

  saveRegister(group: string, register: WitnessRegister, serial: number): void {
    this.#sql.exec(
      `INSERT INTO vote (name, register, serial) VALUES (?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET register = excluded.register, serial = excluded.serial`,
      group,
      JSON.stringify(register),
      serial,
    );
  }

  /** @param latest the newest answer to each node: the one that this row held so far must not get lost (L13) */
  saveAnsweredRegister(
    group: string,
    register: WitnessRegister,
    serial: number,
    { node, answer }: { node: string; answer: WitnessAnswer },
    latest: ReadonlyMap<string, WitnessAnswer>,
  ): void {
    const former = this.#answered.get(group);
    const displaced = former === undefined || former === node ? undefined : latest.get(former);
    if (former !== undefined && displaced !== undefined) this.saveAnswer(former, displaced);
    this.#answered.set(group, node);
    this.#sql.exec(
      `INSERT INTO vote (name, register, serial, answered, answer) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (name) DO UPDATE SET register = excluded.register, serial = excluded.serial,
         answered = excluded.answered, answer = excluded.answer`,
      group,
      JSON.stringify(register),
      serial,
      node,
      JSON.stringify(answer),
    );
  }

  #forgetAnswers(node: string): void {
    this.#sql.exec('UPDATE vote SET answered = NULL, answer = NULL WHERE answered = ?', node);
    for (const [group, answered] of this.#answered) if (answered === node) this.#answered.delete(group);
  }

  #rows(query: string): unknown[] {
    return this.#sql.exec(query).toArray();
  }
}

function keepNewest(answers: Map<string, WitnessAnswer>, node: string, answer: WitnessAnswer): void {
  const known = answers.get(node);
  const newer =
    known === undefined ||
    answer.incarnation > known.incarnation ||
    (answer.incarnation === known.incarnation && answer.sequence > known.sequence);
  if (newer) answers.set(node, answer);
}
