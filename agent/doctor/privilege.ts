import { readFileSync } from 'node:fs';
import type { Config } from '../config/index.ts';
import { type Capability, missingFrom } from '../kernel/index.ts';
import type { AgentState } from './agent-state.ts';
import { type Finding, ok, problem } from './finding.ts';

const ALWAYS: readonly Capability[] = ['CAP_NET_ADMIN', 'CAP_NET_RAW'];
/** For checks with `user`: to become that user, and to end what runs as it. */
const AS_OTHERS: readonly Capability[] = ['CAP_SETUID', 'CAP_SETGID', 'CAP_KILL'];

export type PrivilegeFacts = {
  /** Whether the capabilities are a running agent's; else they are this process's. */
  readonly ofAgent: boolean;
  readonly missing: readonly Capability[];
  /** Of those that checks with `user` need. */
  readonly missingAsOthers: readonly Capability[];
  /** Checks that run as another user. */
  readonly checksAsOthers: readonly string[];
};

export function readPrivilege(config: Config, agent: AgentState): PrivilegeFacts {
  const running = agent.kind === 'running';
  const pid = running ? agent.status.process.engine_pid : 'self';
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const checks = config.groups.flatMap((group) => group.checks);
  return {
    ofAgent: running,
    missing: missingFrom(text, ALWAYS),
    missingAsOthers: missingFrom(text, AS_OTHERS),
    checksAsOthers: checks.flatMap((check) => (check.kind === 'command' && check.user !== null ? [check.name] : [])),
  };
}

export function judgePrivilege(facts: PrivilegeFacts): readonly Finding[] {
  const { ofAgent, missing, missingAsOthers, checksAsOthers } = facts;
  const asOthers = checksAsOthers.length > 0 ? missingAsOthers : [];
  const lacking = [...missing, ...asOthers];
  if (lacking.length === 0) return [ok('privilege', `${ofAgent ? 'the agent' : 'this user'} has what the agent needs`)];
  const why = asOthers.length > 0 ? `; check ${checksAsOthers.join(', ')} runs as another user` : '';
  const found = `${ofAgent ? 'the agent' : 'this user'} lacks ${lacking.join(', ')}${why}`;
  const remedy = ofAgent
    ? 'add that to CapabilityBoundingSet in the systemd unit'
    : 'run the doctor as root, as the agent should be run, or grant that to the service';
  return [problem('privilege', found, remedy)];
}
