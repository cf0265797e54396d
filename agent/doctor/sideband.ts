import { readFileSync } from 'node:fs';
import type { GroupStatus } from '../api/index.ts';
import type { Config, LeaseGroupConfig } from '../config/index.ts';
import { type AgentState, groupStatusOf } from './agent-state.ts';
import { type Finding, ok, problem, warning } from './finding.ts';

/** A path is silent after so many intervals, and not before a second. */
const SILENT_INTERVALS = 4;
const SILENT_MS = 1_000;
/** How the status calls what the witness has passed on. */
const THROUGH_WITNESS = 'witness';

type Peer = GroupStatus['peers'][number];
type Path = Peer['paths'][number];

/** UDP ports that some program holds. */
export function readUdpPorts(): ReadonlySet<number> {
  return new Set(['/proc/net/udp', '/proc/net/udp6'].flatMap((path) => portsIn(textOf(path))));
}

/** Without IPv6 there is no udp6. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** `text`: /proc/net/udp. */
export function portsIn(text: string): number[] {
  const rows = text.split('\n').slice(1);
  return rows.flatMap((row) => {
    const port = /^\s*\d+: [0-9A-F]+:([0-9A-F]{4})/.exec(row)?.[1];
    return port === undefined ? [] : [Number.parseInt(port, 16)];
  });
}

/** `portsTaken`: of this host; looked at only while no agent runs. */
export function judgeSideband(config: Config, agent: AgentState, portsTaken: ReadonlySet<number>): readonly Finding[] {
  const groups = config.groups.filter((group) => group.mode === 'lease');
  switch (agent.kind) {
    case 'running':
      return groups.flatMap((group) => {
        const status = groupStatusOf(agent, group.name);
        return status === undefined ? [] : status.peers.flatMap((peer) => judgePeer(peer, group));
      });
    case 'absent':
      return [...new Set(groups.map(({ sidebandPort }) => sidebandPort))].map((port) => judgePort(port, portsTaken));
    case 'unclear':
      return [];
  }
}

function judgePort(port: number, taken: ReadonlySet<number>): Finding {
  if (!taken.has(port)) return ok('sideband', `UDP port ${port} is free`);
  const remedy = `ss -ulpn sport = :${port} tells which; stop it, or choose another sideband_port (the same on every node)`;
  return problem('sideband', `another program has UDP port ${port}`, remedy);
}

function judgePeer(peer: Peer, group: LeaseGroupConfig): readonly Finding[] {
  const topic = `peer ${peer.node}`;
  return [...judgePaths(peer, group, topic), ...judgeConfiguration(peer, group, topic)];
}

function judgePaths({ node, state, paths }: Peer, group: LeaseGroupConfig, topic: string): readonly Finding[] {
  const silentMs = Math.max(SILENT_MS, (SILENT_INTERVALS * group.intervalUs) / 1000);
  const isHeard = ({ heard_ms_ago: ago }: Path): boolean => ago !== null && ago <= silentMs;
  const direct = paths.filter(({ address }) => address !== THROUGH_WITNESS);
  const pass = `does its agent run? Let UDP port ${group.sidebandPort} pass between the nodes, in both directions`;
  if (state === 'silent' || !direct.some(isHeard)) {
    const relayed = state === 'heard' ? ' but through the witness' : '';
    return [problem(topic, `is not heard${relayed} (${direct.map(({ address }) => address).join(', ')})`, pass)];
  }
  const findings = direct.flatMap((path) => {
    if (!isHeard(path)) {
      const since = path.heard_ms_ago === null ? 'never' : `not for ${Math.round(path.heard_ms_ago / 1000)} s`;
      return [warning(topic, `is heard, but ${since} at ${path.address}`, `${pass}; on that path too`)];
    }
    // A round trip is known of the path alone that brings the answers first.
    if (path.rtt_ms !== null || direct.some((other) => other.rtt_ms !== null)) return [];
    const found = `is heard at ${path.address}, and has never answered there: what this node sends does not arrive`;
    return [problem(topic, found, `let UDP port ${group.sidebandPort} pass to ${node} too`)];
  });
  if (findings.length > 0) return findings;
  const each = direct.map(({ address, rtt_ms: rtt }) => (rtt === null ? address : `${address} (${rtt.toFixed(1)} ms)`));
  return [ok(topic, `is heard, and answers, at ${each.join(' and ')}`)];
}

function judgeConfiguration({ configuration }: Peer, group: LeaseGroupConfig, topic: string): readonly Finding[] {
  switch (configuration) {
    case undefined:
    case 'same':
      return [];
    case 'settings_differ': {
      const found = `has other addresses, intervals or gateway for group ${group.name}`;
      return [warning(topic, found, 'make the two configurations the same, and restart the agents')];
    }
    case 'identity_differs': {
      const found = `has another configuration of group ${group.name}: neither node votes for the other`;
      return [problem(topic, found, 'make members, witness, policy, mode and version the same on both')];
    }
  }
}
