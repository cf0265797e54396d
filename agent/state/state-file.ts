import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';

const Content = z.object({
  version: z.literal(1),
  /** grows with each start of the agent */
  incarnation: z.int().min(0),
  /** by group: ballot counters up to this one may have been used (L10) */
  ballot_ceilings: z.record(z.string(), z.int().min(0)),
  /** by witness id: the highest grant serial seen (L14) */
  witness_serials: z.record(z.string(), z.int().min(0)),
});
type Content = z.infer<typeof Content>;

/** How far ahead of use ballots are reserved, so that no fsync lies on the takeover path (L10). */
const RESERVE = 1000;

/** What an agent must remember over restarts and reboots: one small file in `state_dir`, replaced as a whole. */
export interface StateFile {
  readonly incarnation: number;
  /** Ballot counters at or below this one may have been used by an earlier run. */
  usedCounter(group: string): number;
  /** To be called with every counter in use; writes only when the reserve runs low. */
  noteCounter(group: string, counter: number): void;
  witnessSerial(witnessId: string): number;
  noteWitnessSerial(witnessId: string, serial: number): void;
}

export type OpenedStateFile =
  | { readonly ok: true; readonly state: StateFile }
  | { readonly ok: false; readonly error: string };

/**
 * Reads the file, or begins one; reserves ballots for this run and writes it back, fsynced, before it returns.
 * `wallClockS` keeps incarnations growing when the file was lost.
 */
export function openStateFile(stateDir: string, groups: readonly string[], wallClockS: number): OpenedStateFile {
  const path = join(stateDir, 'agent.json');
  const read = readContent(path);
  if (!read.ok) return read;
  const before = read.content;
  const content: Content = {
    ...before,
    incarnation: Math.max(before.incarnation + 1, wallClockS),
    ballot_ceilings: { ...before.ballot_ceilings },
    witness_serials: { ...before.witness_serials },
  };
  for (const group of groups) content.ballot_ceilings[group] = (before.ballot_ceilings[group] ?? 0) + RESERVE;
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
    writeContent(path, content);
  } catch (cause) {
    return { ok: false, error: `${path}: cannot be written: ${reasonOf(cause)}. Check state_dir and its owner.` };
  }
  return {
    ok: true,
    state: {
      incarnation: content.incarnation,
      usedCounter: (group) => before.ballot_ceilings[group] ?? 0,
      noteCounter(group, counter) {
        const ceiling = content.ballot_ceilings[group] ?? 0;
        if (counter < ceiling - RESERVE / 2) return;
        content.ballot_ceilings[group] = Math.max(ceiling, counter) + RESERVE;
        writeContent(path, content);
      },
      witnessSerial: (witnessId) => content.witness_serials[witnessId] ?? 0,
      noteWitnessSerial(witnessId, serial) {
        if (serial <= (content.witness_serials[witnessId] ?? 0)) return;
        content.witness_serials[witnessId] = serial;
        writeContent(path, content);
      },
    },
  };
}

function readContent(path: string): { ok: true; content: Content } | { ok: false; error: string } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') {
      return { ok: true, content: { version: 1, incarnation: 0, ballot_ceilings: {}, witness_serials: {} } };
    }
    return { ok: false, error: `${path}: cannot be read: ${reasonOf(cause)}` };
  }
  const remedy = 'Delete it only if no agent with this node name has run for 10 s; its ballots then start anew.';
  try {
    const parsed = Content.safeParse(JSON.parse(text));
    return parsed.success ? { ok: true, content: parsed.data } : { ok: false, error: `${path}: is damaged. ${remedy}` };
  } catch {
    return { ok: false, error: `${path}: is damaged. ${remedy}` };
  }
}

/** Either the old or the new content survives a crash, never a mixture. */
function writeContent(path: string, content: Content): void {
  const fresh = `${path}.new`;
  const file = openSync(fresh, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify(content, null, 2)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(fresh, path);
  const directory = openSync(join(path, '..'), 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
