import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type GroupConfig, type LeaseGroupConfig, loadConfig } from '../config/index.ts';
import { HistoryLog, openHistoryFile } from '../history/index.ts';
import { boottimeUs } from '../kernel/index.ts';
import type { Logger } from '../log/index.ts';
import type { Setting } from '../reload/index.ts';
import { type KeptPromises, openKeptPromises } from '../state/kept-promises.ts';
import { replaceFile } from '../state/replace-file.ts';
import { openStateFile, type StateFile } from '../state/state-file.ts';
import { GroupIdentity } from './group-identity.ts';
import { identityText, memberConfig } from './open-lease-group.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import { StartFailure } from './start-failure.ts';

/** In `run_dir`. */
const IN_FORCE_FILE = 'configuration.toml';

/** What an earlier run has left in `state_dir`. Throws StartFailure. */
export function openState(
  stateDir: string,
  leases: readonly LeaseGroupConfig[],
  bootId: string,
  log: Logger,
): StateFile {
  const complaints = new RateLimitedLog(log);
  const opened = openStateFile({
    stateDir,
    groups: leases.map(({ name }) => name),
    wallClockMs: Date.now(),
    bootId,
    nowUs: boottimeUs,
    onFailure: (text) => complaints.error('state_dir', {}, `${text}; this node goes on with what it has reserved`),
  });
  if (!opened.ok) throw new StartFailure(opened.error);
  return opened.state;
}

export type OpenedHistory = { readonly log: HistoryLog; readonly flush: () => Promise<void> };

export function openHistory(stateDir: string, incarnation: number, log: Logger): OpenedHistory {
  const complaints = new RateLimitedLog(log);
  const file = openHistoryFile(stateDir, (text) => complaints.error('history', {}, text));
  return { log: new HistoryLog({ ...file, incarnation }), flush: file.flush };
}

/** The long promises and departures of a group. Throws StartFailure. */
export function openPromises(stateDir: string, group: string, log: Logger): KeptPromises {
  const complaints = new RateLimitedLog(log);
  const opened = openKeptPromises({
    stateDir,
    group,
    onFailure: (text) => {
      complaints.error(
        'state_dir',
        { group },
        `${text}; until it can, this node gives no long promise and does not depart`,
      );
    },
  });
  if (!opened.ok) throw new StartFailure(opened.error);
  return opened.kept;
}

/** Of the configuration that the last run went by; none if that is not known. */
export function formerGroups(runDir: string): readonly GroupConfig[] {
  try {
    const loaded = loadConfig(readFileSync(join(runDir, IN_FORCE_FILE), 'utf8'), IN_FORCE_FILE);
    return loaded.ok ? loaded.config.groups : [];
  } catch {
    return [];
  }
}

/** A crashed engine's successor goes by it, whatever has become of the file. Returns where it is; null: nowhere. */
export function recordInForce(runDir: string, text: string, log: Logger): string | null {
  const path = join(runDir, IN_FORCE_FILE);
  try {
    replaceFile(path, text);
    return path;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    log.warn(`${path}: cannot be written: ${why}; after a crash the agent goes by the file as it is then`);
    return null;
  }
}

/** The identity that a group begins with, which is on disk by then. Throws StartFailure. */
export function openIdentity(
  group: LeaseGroupConfig,
  setting: Setting,
  kept: KeptPromises,
  log: Logger,
): GroupIdentity {
  const { configHash, policy, witness } = memberConfig(group, setting);
  const configured = { configHash, policy, witness };
  try {
    return new GroupIdentity({ group: group.name, configured, text: identityText(group, setting), kept, log });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new StartFailure(`group ${group.name}: its identity cannot be written: ${why}`);
  }
}
