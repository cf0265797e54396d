import { readFileSync } from 'node:fs';
import type { Config } from '../config/index.ts';
import type { AgentState } from './agent-state.ts';
import { type Finding, ok, problem } from './finding.ts';

/** By interface, in which IP group of VRRP the host is. */
export type Memberships = { readonly ipv4: ReadonlySet<string>; readonly ipv6: ReadonlySet<string> };

/** 224.0.0.18 as /proc/net/igmp writes it. */
const GROUP_IPV4 = '120000E0';
/** ff02::12 */
const GROUP_IPV6 = 'ff020000000000000000000000000012';

export function readMemberships(): Memberships {
  return {
    ipv4: membersIn(readFileSync('/proc/net/igmp', 'latin1')),
    ipv6: members6In(readTextOrNothing('/proc/net/igmp6')),
  };
}

/** Without IPv6 there is no such file. */
function readTextOrNothing(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** `text`: /proc/net/igmp: a line for each interface, and below it, indented, one for each group. */
export function membersIn(text: string): Set<string> {
  const members = new Set<string>();
  let name = '';
  for (const line of text.split('\n').slice(1)) {
    const cells = line.trim().split(/\s+/);
    if (!line.startsWith('\t')) name = cells[1] ?? '';
    else if (cells[0] === GROUP_IPV4) members.add(name);
  }
  return members;
}

/** `text`: /proc/net/igmp6: index, interface, group. */
export function members6In(text: string): Set<string> {
  const rows = text.split('\n').map((line) => line.trim().split(/\s+/));
  return new Set(rows.flatMap(([, name, group]) => (name !== undefined && group === GROUP_IPV6 ? [name] : [])));
}

/** Only a running agent joins. */
export function judgeMemberships(members: Memberships, config: Config, agent: AgentState): readonly Finding[] {
  if (agent.kind !== 'running') return [];
  const routers = config.groups
    .flatMap(({ virtualRouters }) => virtualRouters)
    .filter(({ unicast }) => unicast === null);
  if (routers.length === 0) return [];
  const findings = routers
    .filter(({ family, interface: name }) => !members[family].has(name))
    .map(({ family, interface: name }) => {
      const group = family === 'ipv4' ? '224.0.0.18' : 'ff02::12';
      return problem(name, `has not joined the multicast group ${group}, so VRRP is not heard`, 'restart the agent');
    });
  return findings.length > 0 ? findings : [ok('multicast', 'the group of VRRP is joined')];
}
