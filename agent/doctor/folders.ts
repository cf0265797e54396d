import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/index.ts';
import { describeFileError } from '../failure-text.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

export type FolderFacts = {
  readonly path: string;
  /** The folder itself, or the nearest above it that there is. */
  readonly looked: string;
  /** Why this user could not write there; undefined: it could. */
  readonly unwritable: string | undefined;
  /** It is gone after a reboot. */
  readonly inMemory: boolean;
  readonly freeBytes: number;
};

/** statfs(2) */
const TMPFS_MAGIC = 0x01021994;
const RAMFS_MAGIC = 0x858458f6;

const FEW_BYTES = 64 << 20;
const TOO_FEW_BYTES = 1 << 20;

export function readFolder(path: string): FolderFacts {
  const looked = nearest(path);
  const { type, bavail, bsize } = statfsSync(looked);
  return {
    ...{ path, looked },
    unwritable: whyUnwritable(looked),
    inMemory: type === TMPFS_MAGIC || type === RAMFS_MAGIC,
    freeBytes: bavail * bsize,
  };
}

function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}

function whyUnwritable(path: string): string | undefined {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'EACCES' ? 'this user may not write there' : describeFileError(error);
  }
}

export type Folders = { readonly state: FolderFacts; readonly run: FolderFacts };

export function readFolders({ stateDir, runDir }: Config): Folders {
  return { state: readFolder(stateDir), run: readFolder(runDir) };
}

export function judgeFolders({ state, run }: Folders): readonly Finding[] {
  const findings = [...judgeAny('state_dir', state), ...judgeAny('run_dir', run)];
  if (state.inMemory) {
    const found = `${state.path} is in memory: what this node has promised is lost in a reboot`;
    findings.push(problem('state_dir', found, 'put state_dir on a disk, such as /var/lib/tiebreak'));
  }
  if (!run.inMemory) {
    const found = `${run.path} is on a disk: each change of a vote is written there before it counts, which costs milliseconds`;
    findings.push(warning('run_dir', found, 'put run_dir on a tmpfs, such as /run/tiebreak'));
  }
  if (findings.length > 0) return findings;
  return [ok('folders', `${state.path} survives a reboot, ${run.path} is in memory; both can be written`)];
}

function judgeAny(topic: string, { path, looked, unwritable, freeBytes }: FolderFacts): Finding[] {
  if (unwritable !== undefined) {
    const where = looked === path ? path : `${path} cannot be made: ${looked}`;
    return [
      problem(
        topic,
        `${where}: ${unwritable}`,
        'run as root, or let the service make it (StateDirectory, RuntimeDirectory)',
      ),
    ];
  }
  if (freeBytes >= FEW_BYTES) return [];
  const found = `${path} has ${(freeBytes / (1 << 20)).toFixed(1)} MiB left`;
  return [(freeBytes < TOO_FEW_BYTES ? problem : warning)(topic, found, 'make room there')];
}
