/**
 * What the nodes of a cluster report, and what follows for people: who owns a group, whether it is protected, who is lost,
 * who hears whom. A pure core, and apart from the votes: none hangs on anything in here.
 */
import { compareBallots, sameBallot } from '@tiebreak/shared/lease';
import {
  type ClusterOccurrence,
  decidedAfter,
  type GroupReport,
  type PeerReport,
  type ReportRequest,
} from '@tiebreak/shared/wire';

export const GROUPS_MAX = 512;
/** Ten pings. A deploy of the witness closes every link, and the agents are back within that time. */
export const LOST_AFTER_MS = 10_000;
/** A handover is two reports, and the one who gives up may come first. */
export const VACANT_AFTER_MS = 3_000;

export type NodeState = {
  readonly lost: boolean;
  /** The peers that it does not hear. */
  readonly silent: readonly string[];
  /** The last of its decisions that is known here. */
  readonly decided: string | null;
};

export type NodeGroupReport = GroupReport & { readonly atMs: number };

export type GroupState = {
  readonly owner: string | null;
  /** Of the last owner. */
  readonly ballot: GroupReport['ballot'];
  /** The owner has said that it owns no longer, and nobody else has said that it does. */
  readonly vacantSinceMs: number | null;
  readonly protected: boolean;
  readonly reports: Readonly<Record<string, NodeGroupReport>>;
};

export type Monitor = {
  readonly nodes: ReadonlyMap<string, NodeState>;
  readonly groups: ReadonlyMap<string, GroupState>;
  /** Since when nothing is heard of a node, for those that are not lost yet. This instance's knowledge alone. */
  readonly quietSinceMs: ReadonlyMap<string, number>;
};

export type MonitorStep = { readonly monitor: Monitor; readonly occurrences: readonly ClusterOccurrence[] };

const UNKNOWN_NODE: NodeState = { lost: false, silent: [], decided: null };
const UNKNOWN_GROUP: GroupState = {
  owner: null,
  ballot: { counter: 0, node: '' },
  vacantSinceMs: null,
  protected: true,
  reports: {},
};

/** A request of that node has come: it is found, unless it was known to be there. */
export function nodeConnected(monitor: Monitor, node: string): MonitorStep {
  const quietSinceMs = new Map(monitor.quietSinceMs);
  quietSinceMs.delete(node);
  const heard = { ...monitor, quietSinceMs };
  const known = monitor.nodes.get(node);
  if (known !== undefined && !known.lost) return { monitor: heard, occurrences: [] };
  return {
    monitor: withNode(heard, node, { ...(known ?? UNKNOWN_NODE), lost: false }),
    occurrences: [{ kind: 'node', node, state: 'found' }],
  };
}

/** Its link has ended, or is silent. @param sinceMs when it was heard last, on the wall clock */
export function nodeQuiet(monitor: Monitor, node: string, sinceMs: number): Monitor {
  const known = monitor.nodes.get(node);
  if (known === undefined || known.lost || monitor.quietSinceMs.has(node)) return monitor;
  return { ...monitor, quietSinceMs: new Map(monitor.quietSinceMs).set(node, sinceMs) };
}

/** It is no node of the cluster any more: nobody waits for it. */
export function nodeRevoked(monitor: Monitor, node: string): Monitor {
  const [nodes, quietSinceMs] = [new Map(monitor.nodes), new Map(monitor.quietSinceMs)];
  nodes.delete(node);
  quietSinceMs.delete(node);
  return { ...monitor, nodes, quietSinceMs };
}

/** What is due at `nowMs`: nodes that were quiet for too long, groups that nobody has taken over. */
export function timePasses(monitor: Monitor, nowMs: number): MonitorStep {
  const occurrences: ClusterOccurrence[] = [];
  let next = monitor;
  for (const [node, sinceMs] of monitor.quietSinceMs) {
    if (nowMs - sinceMs < LOST_AFTER_MS) continue;
    const quietSinceMs = new Map(next.quietSinceMs);
    quietSinceMs.delete(node);
    next = withNode({ ...next, quietSinceMs }, node, { ...(next.nodes.get(node) ?? UNKNOWN_NODE), lost: true });
    occurrences.push({ kind: 'node', node, state: 'lost' });
  }
  for (const [group, state] of monitor.groups) {
    const { ballot, owner, vacantSinceMs } = state;
    if (vacantSinceMs === null || nowMs - vacantSinceMs < VACANT_AFTER_MS) continue;
    next = withGroup(next, group, { ...state, owner: null, vacantSinceMs: null });
    occurrences.push({ kind: 'owner', group, from: owner, to: null, ballot });
  }
  return { monitor: next, occurrences };
}

/** When `timePasses` has something to do, on the clock of `nowMs`; Infinity: not before something is reported. */
export function dueAtMs(monitor: Monitor): number {
  const lost = Array.from(monitor.quietSinceMs.values(), (sinceMs) => sinceMs + LOST_AFTER_MS);
  const vacant = Array.from(monitor.groups.values(), ({ vacantSinceMs }) =>
    vacantSinceMs === null ? Number.POSITIVE_INFINITY : vacantSinceMs + VACANT_AFTER_MS,
  );
  return Math.min(Number.POSITIVE_INFINITY, ...lost, ...vacant);
}

/** Decisions come first: what they led to comes after them. */
export function nodeReported(
  monitor: Monitor,
  node: string,
  { peers, groups, decisions }: Pick<ReportRequest, 'peers' | 'groups' | 'decisions'>,
  nowMs: number,
): MonitorStep {
  const reporter = monitor.nodes.get(node) ?? UNKNOWN_NODE;
  const fresh = decisions.filter(({ id }) => decidedAfter(id, reporter.decided));
  const occurrences: ClusterOccurrence[] = fresh.map((decision) => ({ kind: 'decision', node, decision }));
  occurrences.push(...hearingChanges(node, reporter.silent, peers));
  const silent = peers.filter(({ state }) => state === 'silent').map((peer) => peer.node);
  const decided = fresh.at(-1)?.id ?? reporter.decided;
  const changed = decided !== reporter.decided || silent.join() !== reporter.silent.join();
  let next = changed ? withNode(monitor, node, { ...reporter, silent, decided }) : monitor;
  for (const report of groups) {
    const known = next.groups.get(report.group);
    // Whoever makes up names fills no storage; the witness votes in no more groups than that either.
    if (known === undefined && next.groups.size >= GROUPS_MAX) continue;
    const before = known ?? UNKNOWN_GROUP;
    const { state, occurrences: changes } = groupReported(before, node, { ...report, atMs: nowMs });
    if (state !== before) next = withGroup(next, report.group, state);
    occurrences.push(...changes);
  }
  return { monitor: next, occurrences };
}

function hearingChanges(node: string, silent: readonly string[], peers: readonly PeerReport[]): ClusterOccurrence[] {
  return peers.flatMap((peer) =>
    silent.includes(peer.node) === (peer.state === 'silent')
      ? []
      : [{ kind: 'hearing', node, peer: peer.node, state: peer.state } as const],
  );
}

function groupReported(
  state: GroupState,
  node: string,
  report: NodeGroupReport,
): { readonly state: GroupState; readonly occurrences: readonly ClusterOccurrence[] } {
  const { ballot } = report;
  const former = state.reports[node];
  // Each new link reports everything once more: what is the same costs no row.
  if (former !== undefined && sameReport(report, former)) return { state, occurrences: [] };
  const reports = { ...state.reports, [node]: report };
  if (report.role !== 'active') {
    const other = state.owner === node ? besides(node, report, reports) : undefined;
    if (other !== undefined) return ownedBy(other.node, other.report, { ...state, reports });
    const vacantSinceMs = state.owner === node ? (state.vacantSinceMs ?? report.atMs) : state.vacantSinceMs;
    return { state: { ...state, reports, vacantSinceMs }, occurrences: [] };
  }
  // Of two that say so, the one with the higher ballot is right; the other has not yet noticed, or its word came late.
  if (state.owner !== node && compareBallots(ballot, state.ballot) < 0) {
    return { state: { ...state, reports }, occurrences: [] };
  }
  return ownedBy(node, report, { ...state, reports });
}

/** In mode "vrrp", which has no ballots, two may say so at once; when one of them does no more, the other owns still. */
function besides(
  node: string,
  { ballot }: NodeGroupReport,
  reports: GroupState['reports'],
): { readonly node: string; readonly report: NodeGroupReport } | undefined {
  const found = Object.entries(reports).find(
    ([other, report]) => other !== node && report.role === 'active' && sameBallot(report.ballot, ballot),
  );
  return found === undefined ? undefined : { node: found[0], report: found[1] };
}

function ownedBy(
  node: string,
  report: NodeGroupReport,
  state: GroupState,
): { readonly state: GroupState; readonly occurrences: readonly ClusterOccurrence[] } {
  const { group, ballot } = report;
  const occurrences: ClusterOccurrence[] = [];
  if (state.owner !== node) occurrences.push({ kind: 'owner', group, from: state.owner, to: node, ballot });
  if (state.protected !== report.protected) {
    const { reason } = report;
    occurrences.push({ kind: 'protection', group, node, protected: report.protected, reason });
  }
  return {
    state: { ...state, owner: node, ballot, vacantSinceMs: null, protected: report.protected },
    occurrences,
  };
}

function sameReport(left: NodeGroupReport, right: NodeGroupReport): boolean {
  return (
    left.role === right.role &&
    left.protected === right.protected &&
    left.reason === right.reason &&
    sameBallot(left.ballot, right.ballot)
  );
}

function withNode(monitor: Monitor, node: string, state: NodeState): Monitor {
  return { ...monitor, nodes: new Map(monitor.nodes).set(node, state) };
}

function withGroup(monitor: Monitor, group: string, state: GroupState): Monitor {
  return { ...monitor, groups: new Map(monitor.groups).set(group, state) };
}
