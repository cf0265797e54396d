import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { replaceFile } from './replace-file.ts';

/** Whether an operator has put this node into maintenance, kept over restarts and reboots. */
export interface MaintenanceFile {
  readonly on: boolean;
  /** undefined: it is on disk. Otherwise what went wrong: after a restart the node would not remember. */
  set(on: boolean): string | undefined;
}

/** `state_dir/maintenance`: it is there, or it is not. */
export function openMaintenanceFile(stateDir: string): MaintenanceFile {
  const path = join(stateDir, 'maintenance');
  return {
    on: existsSync(path),
    set(on) {
      try {
        if (on) replaceFile(path, 'tiebreak maintenance off ends it\n');
        else rmSync(path, { force: true });
        return undefined;
      } catch (cause) {
        return `${path}: ${cause instanceof Error ? cause.message : cause}`;
      }
    },
  };
}
