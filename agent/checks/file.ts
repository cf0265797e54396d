import { stat } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ProbedCheckConfig } from '../config/index.ts';
import type { HealthSaid } from './check-view.ts';
import { failed, timedOut } from './outcome.ts';

type FileCheck = Extract<ProbedCheckConfig, { kind: 'file' }>;

/** Healthy while something of that name exists: a switch for people and scripts. */
export async function probeFile({ path, timeoutMs }: FileCheck): Promise<HealthSaid> {
  const looked = stat(path).then(
    (): HealthSaid => ({ healthy: true, detail: `${path} exists` }),
    (error: NodeJS.ErrnoException) =>
      failed(error.code === 'ENOENT' ? `${path} does not exist` : `${path}: ${error.code ?? error.message}`),
  );
  // A dead network file system answers never.
  const waiting = new AbortController();
  const late = sleep(timeoutMs, timedOut(timeoutMs), { signal: waiting.signal }).catch(() => timedOut(timeoutMs));
  const said = await Promise.race([looked, late]);
  waiting.abort();
  return said;
}
