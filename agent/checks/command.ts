import type { ProbedCheckConfig } from '../config/index.ts';
import { runProgram } from '../program/index.ts';
import type { Probe } from './probe.ts';

type CommandCheck = Extract<ProbedCheckConfig, { kind: 'command' }>;

/** Healthy if the program ends with 0 in time; what it says last is the detail. */
export function probeCommand(check: CommandCheck, running: AbortSignal): Probe {
  const environment = { TIEBREAK_CHECK: check.name };
  const { ended, over } = runProgram({ ...check, environment }, running);
  return { said: ended.then(({ ok, detail }) => ({ healthy: ok, detail })), over };
}
