import type { GroupStatus, Status } from '../api/index.ts';
import type { Config } from '../config/index.ts';
import type { AgentState } from './agent-state.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** What the agent says of itself. `version`: of this program. */
export function judgeAgent(agent: AgentState, config: Config, version: string): readonly Finding[] {
  switch (agent.kind) {
    case 'absent':
      return [ok('agent', 'does not run: what only a running one knows is left out')];
    case 'unclear':
      return [problem('agent', agent.why, 'see its log (journalctl -u tiebreak), and restart it if it is frozen')];
    case 'running':
      return [...judgeProcess(agent.status, config, version), ...agent.status.groups.flatMap(judgeGroup)];
  }
}

function judgeProcess(status: Status, { node, groups }: Config, version: string): readonly Finding[] {
  const findings: Finding[] = [];
  if (status.node !== node) {
    const found = `the one that answers is node ${status.node}, and this configuration is for ${node}`;
    findings.push(problem('agent', found, "give the doctor that agent's configuration, or restart the agent"));
  }
  const known = new Set(status.groups.map(({ name }) => name));
  const missing = groups.map(({ name }) => name).filter((name) => !known.has(name));
  if (missing.length > 0) {
    const found = `runs without group ${missing.join(', ')}, which the configuration has`;
    findings.push(warning('agent', found, 'restart the agent: it reads its configuration when it starts'));
  }
  if (status.version !== version) {
    const found = `runs version ${status.version}, and version ${version} is installed`;
    findings.push(warning('agent', found, 'restart the agent when a handover is convenient'));
  }
  if (status.process.guardian_pid === null) {
    const found = 'runs without its guardian, so that a crash would cost a master-down time';
    findings.push(warning('agent', found, 'restart the agent when a handover is convenient'));
  }
  if (findings.length > 0) return findings;
  return [ok('agent', `node ${node} runs, version ${version}, pid ${status.process.engine_pid}`)];
}

function judgeGroup(group: GroupStatus): readonly Finding[] {
  const topic = `group ${group.name}`;
  const because = group.reason === null ? '' : `: ${group.reason}`;
  const failing = group.checks.filter(({ state }) => state === 'failing');
  const checks = failing.map(({ name, detail }) =>
    warning(topic, `check ${name} fails: ${detail}`, 'mend the service, or the check'),
  );
  return [...judgeRole(group, topic, because), ...checks];
}

function judgeRole(group: GroupStatus, topic: string, because: string): readonly Finding[] {
  const owner = group.owner === null ? 'no owner is known' : `${group.owner} owns it`;
  const found = `${owner}, this node is ${group.role}${because}`;
  switch (group.role) {
    case 'fault':
      return [problem(topic, found, 'mend what the reason names')];
    case 'maintenance':
      return [warning(topic, found, "when the work is done: 'tiebreak maintenance off'")];
    case 'candidate':
    case 'initialize':
      return [warning(topic, found, 'wait some seconds, then run the doctor again')];
    case 'active':
    case 'backup':
      if (group.mode === 'vrrp') return [ok(topic, `${owner}, this node is ${group.role}; mode "vrrp" is unprotected`)];
      if (group.owner === null) return [problem(topic, found, "see 'tiebreak status': who is missing, and why")];
      return group.reason === null
        ? [ok(topic, found)]
        : [warning(topic, found, 'it works now; see to what the reason names')];
  }
}
