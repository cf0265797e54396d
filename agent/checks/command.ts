import type { ProbedCheckConfig } from '../config/index.ts';
import type { Account } from '../kernel/in-any-thread.ts';
import { runProgram } from '../program/index.ts';
import { couldNotLook, type Look } from './outcome.ts';
import type { Probe } from './probe.ts';

type CommandCheck = Extract<ProbedCheckConfig, { kind: 'command' }>;

/** Healthy if the program ends with 0 in time; what it says last is the detail. */
export function probeCommand(check: CommandCheck, running: AbortSignal, runAs: Account | undefined): Probe {
  const environment = { TIEBREAK_CHECK: check.name };
  const { ended, over } = runProgram({ ...check, environment, runAs }, running);
  const said = ended.then(
    ({ ok, finished, detail }): Look => (finished ? { healthy: ok, detail } : couldNotLook(detail)),
  );
  return { said, over };
}
