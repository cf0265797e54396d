import { stat } from 'node:fs/promises';
import type { ProbedCheckConfig } from '../config/index.ts';
import { failureText } from '../failure-text.ts';
import { couldNotLook, failed, type Look } from './outcome.ts';
import type { Probe } from './probe.ts';

type FileCheck = Extract<ProbedCheckConfig, { kind: 'file' }>;

/** Healthy while something of that name exists: a switch for people and scripts. */
export function probeFile({ path, timeoutMs }: FileCheck): Probe {
  const looked = stat(path).then(
    (): Look => ({ healthy: true, detail: `${path} exists` }),
    (error: unknown) => {
      const what = failureText(error);
      return what === 'ENOENT' ? failed(`${path} does not exist`) : couldNotLook(`${path}: ${what}`);
    },
  );
  const late = Promise.withResolvers<Look>();
  const timer = setTimeout(() => late.resolve(couldNotLook(`no answer within ${timeoutMs} ms`)), timeoutMs);
  void looked.then(() => clearTimeout(timer));
  // A dead network file system never answers, and holds one of the few threads that all of this process's files share.
  return { said: Promise.race([looked, late.promise]), over: looked };
}
