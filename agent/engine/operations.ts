import type { Successor } from '@tiebreak/shared/lease';
import type { Operations, Outcome } from '../api/index.ts';
import type { HealthSaid } from '../checks/index.ts';
import type { MaintenanceFile } from '../state/maintenance-file.ts';
import type { CheckedGroup } from './checks.ts';
import type { Forced } from './forced.ts';
import type { LeaseGroup } from './lease-group.ts';

/** A group in mode `vrrp`: it has no votes, and hands over to nobody in particular. */
export interface PlainGroup extends CheckedGroup {
  setMaintenance(on: boolean): void;
}

/** Told of every report on a push check. */
type PushListener = (group: string, check: string) => void;

/** The groups of the agent as they are at that moment, by their mode, and what concerns it as a whole. */
export type OperatedAgent = {
  readonly leases: () => readonly LeaseGroup[];
  readonly plains: () => readonly PlainGroup[];
  readonly maintenance: MaintenanceFile | undefined;
  readonly onPush: PushListener;
  readonly reload: Operations['reload'];
};

/** What an operator or a monitor asks of this agent. */
export function operationsOn({ leases, plains, maintenance, onPush, reload }: OperatedAgent): Operations {
  const withGroup = (name: string, act: (group: LeaseGroup) => Outcome): Outcome => {
    const groups = leases();
    const group = groups.find((candidate) => candidate.name === name);
    if (group !== undefined) return act(group);
    const known = groups.map((candidate) => candidate.name).join(', ');
    return notFound(`there is no group ${name} in mode "lease" here; there is ${known || 'none'}`);
  };
  return {
    handOver: (name, to) =>
      withGroup(name, (group) => {
        const successor = group.handOver(to);
        if (!successor.ok) return refused(explain(successor, group));
        return { ok: true, detail: `${name}: handing over to ${successor.node}` };
      }),
    reportHealth(name, check, said) {
      const checked: readonly CheckedGroup[] = [...leases(), ...plains()];
      const group = checked.find((candidate) => candidate.name === name);
      if (group !== undefined) return reportTo(group, check, said, onPush);
      const known = checked.map((candidate) => candidate.name).join(', ');
      return notFound(`there is no group ${name} here; there is ${known}`);
    },
    setMaintenance(on) {
      const failure = maintenance?.set(on);
      if (failure !== undefined) return refused(`maintenance could not be recorded: ${failure}`);
      for (const group of leases()) group.fitness.setMaintenance(on);
      for (const group of plains()) group.setMaintenance(on);
      const detail = on
        ? 'in maintenance: this node votes, owns nothing, and hands over what it owns'
        : 'maintenance has ended: this node may own again';
      return { ok: true, detail };
    },
    forceTakeover: (name) => withGroup(name, (group) => told(group.forceTakeover())),
    forceJoin: (name) => withGroup(name, (group) => told(group.forceJoin())),
    reload,
  };
}

function reportTo(
  { name, config, fitness }: CheckedGroup,
  check: string,
  said: HealthSaid,
  onPush: PushListener,
): Outcome {
  // What the agent looks at itself is nobody else's to say.
  const push = config.checks.flatMap((known) => (known.kind === 'push' ? [known.name] : []));
  if (!push.includes(check)) {
    return notFound(`group ${name} has no push check ${check}; it has ${push.join(', ') || 'none'}`);
  }
  onPush(name, check);
  fitness.report(check, said);
  return { ok: true, detail: `${name}: ${check} was reported ${said.healthy ? 'healthy' : 'failed'}` };
}

function explain({ reason, node }: Extract<Successor, { ok: false }>, { name, state }: LeaseGroup): string {
  const who = node ?? 'no peer';
  switch (reason) {
    case 'not_owner':
      return `${name} is not owned by this node; ask its owner`;
    case 'not_a_peer':
      return `${who} is no peer of ${name}; its peers are ${state.config.peers.join(', ')}`;
    case 'not_heard':
      return node === undefined ? `${name}: no peer can take over now` : `${node} is not heard`;
    case 'unfit':
      return `${who} may not own ${name} now (maintenance, a lost link or a failing check there)`;
    case 'not_voting':
      return `${who} does not vote yet: after a start it waits 10 s`;
  }
}

function told({ forced, text }: Forced): Outcome {
  return forced ? { ok: true, detail: text } : refused(text);
}

function refused(detail: string): Outcome {
  return { ok: false, reason: 'refused', detail };
}

function notFound(detail: string): Outcome {
  return { ok: false, reason: 'not_found', detail };
}
