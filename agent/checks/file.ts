import { stat } from 'node:fs/promises';
import type { ProbedCheckConfig } from '../config/index.ts';
import { failureText } from '../failure-text.ts';
import type { HealthSaid } from './check-view.ts';
import { failed, timedOut } from './outcome.ts';
import type { Probe } from './probe.ts';

type FileCheck = Extract<ProbedCheckConfig, { kind: 'file' }>;

/** Healthy while something of that name exists: a switch for people and scripts. */
export function probeFile({ path, timeoutMs }: FileCheck): Probe {
  const looked = stat(path).then(
    (): HealthSaid => ({ healthy: true, detail: `${path} exists` }),
    (error: unknown) => {
      const what = failureText(error);
      return failed(what === 'ENOENT' ? `${path} does not exist` : `${path}: ${what}`);
    },
  );
  const late = Promise.withResolvers<HealthSaid>();
  const timer = setTimeout(() => late.resolve(timedOut(timeoutMs)), timeoutMs);
  void looked.then(() => clearTimeout(timer));
  // A dead network file system never answers, and holds one of the few threads that all of this process's files share.
  return { said: Promise.race([looked, late.promise]), over: looked };
}
