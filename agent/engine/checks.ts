import { Checker, commandProblem, privilegeProblem, runsAs, type Task } from '../checks/index.ts';
import type { CheckConfig, GroupConfig } from '../config/index.ts';
import type { Logger } from '../log/index.ts';
import { programProblem } from '../program/index.ts';
import type { GroupFitness } from './group-fitness.ts';
import { StartFailure } from './start-failure.ts';

/** Throws StartFailure: it says which path or user, and what to do. */
export function refuseUnsafePrograms(groups: readonly GroupConfig[]): void {
  for (const group of groups) {
    for (const check of group.checks) {
      const problem = commandProblem(check) ?? privilegeProblem(check);
      if (problem !== undefined) throw new StartFailure(`group ${group.name}, check ${check.name}: ${problem}`);
    }
    for (const told of group.notify) {
      const problem = told.kind === 'command' ? programProblem(told.program) : undefined;
      if (problem !== undefined) throw new StartFailure(`group ${group.name}, notify: ${problem}`);
    }
  }
}

/** A group as those see it who know how its services fare. */
export interface CheckedGroup {
  readonly name: string;
  readonly config: { readonly checks: readonly CheckConfig[] };
  readonly fitness: Pick<GroupFitness, 'checks' | 'report'>;
}

/** What it finds goes to the group whose check it is. Throws StartFailure if a user has gone since the programs were looked at. */
export function openChecker(groups: () => readonly CheckedGroup[], log: Logger): Checker {
  return new Checker({
    tasks: tasksOf(groups().map(({ name, config }) => ({ name, checks: config.checks }))),
    onReport: ({ group, check, said }) => {
      groups()
        .find(({ name }) => name === group)
        ?.fitness.report(check, said);
    },
    log,
  });
}

/** Throws StartFailure, as `openChecker`. */
export function tasksOf(groups: readonly Pick<GroupConfig, 'name' | 'checks'>[]): Task[] {
  return groups.flatMap(({ name, checks }) => checks.flatMap((check) => taskOf(name, check)));
}

function taskOf(group: string, check: CheckConfig): Task[] {
  if (check.kind === 'push') return [];
  const as = runsAs(check);
  if (!as.ok) throw new StartFailure(`group ${group}, check ${check.name}: ${as.text}`);
  return [{ group, check, runAs: as.account }];
}
