import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { agentVersion } from '../../agent/version.ts';
import { bundle } from '../../packaging/bundle/index.ts';
import { npmManifest } from '../../packaging/npm/index.ts';
import { CHILD_ENVIRONMENT } from '../lab/process.ts';
import { LAB_TIEBREAK } from '../lab/tiebreak.ts';

const TOP = join(import.meta.dirname, '../..');
/** Below node_modules, so that the bundle finds its native modules as an installed one does. */
const FOLDER = join(TOP, 'node_modules/.cache/tiebreak-bench');

/** What is measured is what people install: from now on this process's laboratory starts the bundle of the packages. */
export async function useInstalled(): Promise<void> {
  await rm(FOLDER, { recursive: true, force: true });
  await bundle(TOP, FOLDER, await npmManifest(TOP, agentVersion()));
  process.env[LAB_TIEBREAK] = join(FOLDER, 'lib/tiebreak.js');
  // As the unit has it.
  CHILD_ENVIRONMENT.NODE_COMPILE_CACHE = join(FOLDER, 'compiled');
}
