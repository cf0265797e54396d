import type { CheckConfig } from '../config/index.ts';
import { type Account, type Capability, findAccount, missingCapabilities } from '../kernel/index.ts';
import { programProblem } from '../program/index.ts';

/** To become another user, and to end what runs as one. */
const TO_RUN_AS_OTHERS: readonly Capability[] = ['CAP_SETUID', 'CAP_SETGID', 'CAP_KILL'];

export type RunsAs =
  /** undefined: as the agent */
  { readonly ok: true; readonly account: Account | undefined } | { readonly ok: false; readonly text: string };

/** Whom a check's command is to run as. `text` says why that cannot be, and what to do. */
export function runsAs(check: CheckConfig): RunsAs {
  if (check.kind !== 'command' || check.user === null) return { ok: true, account: undefined };
  const { user } = check;
  const found = findAccount(user);
  if (!found.ok) return { ok: false, text: `user ${user} cannot be looked up: ${found.text}` };
  const account = found.value;
  if (account === undefined) {
    const advice = `make the user (useradd --system ${user}), or name another one`;
    return { ok: false, text: `this host has no user ${user}; ${advice}` };
  }
  return { ok: true, account };
}

/** Why the agent should not run a check's command; undefined: it may, or there is none. */
export function commandProblem(check: CheckConfig): string | undefined {
  if (check.kind !== 'command') return undefined;
  const as = runsAs(check);
  return as.ok ? programProblem(check.program, as.account?.uid) : as.text;
}

/** Why this process cannot run a check's command as its user, however sound both are. */
export function privilegeProblem(check: CheckConfig): string | undefined {
  const as = runsAs(check);
  if (!as.ok || as.account === undefined || as.account.uid === process.getuid?.()) return undefined;
  const missing = missingCapabilities(TO_RUN_AS_OTHERS);
  if (missing.length === 0) return undefined;
  const advice = 'add that to CapabilityBoundingSet in the systemd unit, run as root, or leave user out';
  return `running it as another user needs ${missing.join(', ')}, which this process does not have: ${advice}`;
}
