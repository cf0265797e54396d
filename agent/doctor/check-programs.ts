import { commandProblem } from '../checks/index.ts';
import type { Config } from '../config/index.ts';
import { programProblem } from '../program/index.ts';
import { type Finding, ok, problem } from './finding.ts';

/** A program that the agent runs as root, and why it should not; undefined: it may. */
export type ProgramFacts = { readonly topic: string; readonly unsafe: string | undefined };

export function readPrograms({ groups }: Config): readonly ProgramFacts[] {
  return groups.flatMap((group) => [
    ...group.checks
      .filter(({ kind }) => kind === 'command')
      .map((check) => ({ topic: `check ${check.name}`, unsafe: commandProblem(check) })),
    ...group.notify.flatMap((told) =>
      told.kind === 'command' ? [{ topic: `notify of ${group.name}`, unsafe: programProblem(told.program) }] : [],
    ),
  ]);
}

export function judgePrograms(programs: readonly ProgramFacts[]): readonly Finding[] {
  if (programs.length === 0) return [];
  const findings = programs.flatMap(({ topic, unsafe }) =>
    unsafe === undefined ? [] : [problem(topic, unsafe, 'the agent does not start before that is mended')],
  );
  return findings.length > 0 ? findings : [ok('programs', 'nobody but root can change what checks and notify run')];
}
