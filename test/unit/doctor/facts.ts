import type { GroupStatus } from '../../../agent/api/index.ts';
import type { AgentState } from '../../../agent/doctor/agent-state.ts';
import type { Finding } from '../../../agent/doctor/finding.ts';
import type { HostInterface } from '../../../agent/doctor/host.ts';
import { WELL } from '../api/status-example.ts';

export const ABSENT: AgentState = { kind: 'absent' };

/** The agent of node `a`, which owns the group and hears its peer, with what a test changes. */
export function running(changes: Partial<GroupStatus> = {}): AgentState {
  const [group] = WELL.groups;
  if (group === undefined) throw new Error('the example has a group');
  const process = { engine_pid: 4711, guardian_pid: 4710 };
  return { kind: 'running', status: { ...WELL, process, groups: [{ ...group, ...changes }] } };
}

/** `eth0` of node `a`, in good health. */
export const ETH0: HostInterface = {
  index: 2,
  name: 'eth0',
  mac: '02:00:00:00:00:0a',
  up: true,
  carrier: true,
  loopback: false,
  addresses: [{ family: 'ipv4', address: '192.0.2.1', duplicate: false }],
};

/** As a person would read it, without the remedy. */
export function told(findings: readonly Finding[]): string[] {
  return findings.map(({ level, topic, found }) => `${level} ${topic}: ${found}`);
}
