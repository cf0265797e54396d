import { type MemberState, ownsUnprotected, PROMISE_INTERVALS, votesNeeded } from '@tiebreak/shared/lease';
import type { GroupStatus } from '../api/index.ts';
import type { CheckView } from '../checks/index.ts';
import type { GroupConfig, VirtualRouterConfig } from '../config/index.ts';
import type { WitnessLink } from '../witness-link/index.ts';
import { countHeld, hasWitnessVote, isHeard, votesOf } from './explain.ts';
import { identityReasons } from './explain-identity.ts';
import { promiseReasons } from './explain-promises.ts';
import type { LeaseGroup } from './lease-group.ts';
import type { SidebandLink } from './sideband-link.ts';
import type { VrrpGroup } from './vrrp-group.ts';

/** What the group itself knows; what is done for it elsewhere is added by the agent. */
export type OwnStatus = Omit<GroupStatus, 'notify' | 'floating_ips'>;

const NO_FENCE = { level: 'none', open: false, expires_in_ms: null } as const;

/** A lease group for `GET /v1/status`. `nowUs`: CLOCK_BOOTTIME. `wayProblem`: what is wrong with the way to the witness. */
export function leaseGroupStatus(
  group: LeaseGroup,
  links: readonly SidebandLink[],
  witness: WitnessLink | undefined,
  nowUs: number,
  wayProblem?: string,
): OwnStatus {
  const { state, config } = group;
  const reachable = witness?.state().kind === 'connected';
  const votes = votesOf(state, nowUs, reachable);
  const { role } = state;
  const openForUs = Math.max(0, (group.fenceOpenUntilUs ?? nowUs) - nowUs);
  return {
    name: config.name,
    mode: 'lease',
    policy: config.policy.name,
    protected: !ownsUnprotected(state, nowUs),
    reason: reasonOf(group, witness, wayProblem, nowUs),
    role: roleOf(state),
    ballot: 'ballot' in role ? role.ballot : state.register.highestGranted,
    owner: ownerOf(group, nowUs),
    since: new Date(group.sinceMs).toISOString(),
    quorum: {
      needed: votesNeeded(config.peers.length + 1, state.config.witness),
      held: countHeld(votes, state.config.node),
      votes: votes.map(({ voter, state: vote, remainingMs }) => ({ voter, state: vote, remaining_ms: remainingMs })),
    },
    fence: { level: group.fenceLevel, open: openForUs > 0, expires_in_ms: openForUs > 0 ? openForUs / 1000 : null },
    witness: witnessStatus(witness),
    virtual_routers: virtualRouters(
      config,
      () => routerState(state),
      () => state.fitness.priority,
    ),
    checks: group.fitness.checks.map(checkStatus),
    peers: links.map((link) => ({
      node: link.peer,
      state: isHeard(state, link.peer, nowUs) ? 'heard' : 'silent',
      configuration: group.configurationOf(link.peer),
      paths: link.paths().map(({ address, heardAtUs, rttUs }) => ({
        address,
        heard_ms_ago: heardAtUs === undefined ? null : (nowUs - heardAtUs) / 1000,
        rtt_ms: rttUs === undefined ? null : rttUs / 1000,
      })),
    })),
  };
}

/** A group in `mode = "vrrp"` for `GET /v1/status`. `nowUs`: CLOCK_BOOTTIME. The witness has no vote in it, and is told of it. */
export function vrrpGroupStatus(
  group: VrrpGroup,
  node: string,
  witness: WitnessLink | undefined,
  nowUs: number,
): OwnStatus {
  const { config } = group;
  const { states } = group;
  const fence = plainFence(group, nowUs);
  const unfit = group.fitness.reason();
  const outside = unfit === undefined ? 'initialize' : group.unfit === 'maintenance' ? 'maintenance' : 'fault';
  return {
    name: config.name,
    mode: 'vrrp',
    policy: null,
    protected: false,
    reason: [
      ...(unfit === undefined ? [] : [unfit]),
      ...(group.startsAtUs > nowUs ? [`waits ${seconds(group.startsAtUs - nowUs)} s before it goes on the wire`] : []),
      ...group.faults,
      fence.level === 'none'
        ? 'plain VRRP has no votes: a cut link or a frozen process makes two owners'
        : 'plain VRRP has no votes: a cut link makes two owners',
    ].join('; '),
    role: states.includes('active') ? 'active' : states.includes('backup') ? 'backup' : outside,
    ballot: { counter: 0, node: '' },
    owner: states.every((state) => state === 'active') ? node : null,
    since: new Date(group.sinceMs).toISOString(),
    quorum: { needed: 0, held: 0, votes: [] },
    fence,
    witness: witnessStatus(witness),
    virtual_routers: virtualRouters(
      config,
      (index) => states[index] ?? 'initialize',
      (index) => group.effectivePriorities[index],
    ),
    checks: group.fitness.checks.map(checkStatus),
    peers: [],
  };
}

function checkStatus({ config: { name, kind }, state, sinceMs, detail }: CheckView): GroupStatus['checks'][number] {
  return { name, kind, state, since: new Date(sinceMs).toISOString(), detail };
}

/** `none` if one virtual router has no guard: the claim is the group's. */
function plainFence({ guards }: VrrpGroup, nowUs: number): GroupStatus['fence'] {
  const ends = guards.flatMap((guard) => guard?.openUntilUs ?? []);
  const levels = guards.map((guard) => guard?.level);
  const [level] = levels;
  if (level === undefined || levels.includes(undefined)) return NO_FENCE;
  if (ends.length === 0) return { level, open: false, expires_in_ms: null };
  return { level, open: true, expires_in_ms: Math.max(0, Math.min(...ends) - nowUs) / 1000 };
}

function roleOf({ role, fitness }: MemberState): GroupStatus['role'] {
  switch (role.name) {
    case 'backup':
      if (fitness.unfit === undefined) return 'backup';
      return fitness.unfit === 'maintenance' ? 'maintenance' : 'fault';
    case 'active':
    case 'candidate':
    case 'initialize':
      return role.name;
    case 'closing':
    case 'leaving':
    case 'stopped':
      return 'backup';
  }
}

function routerState(state: MemberState): 'initialize' | 'backup' | 'active' {
  const role = roleOf(state);
  return role === 'active' || role === 'initialize' ? role : 'backup';
}

/** Whoever says so in its heartbeats; a vote alone may have gone to someone who never became the owner. */
function ownerOf({ state: { config, role }, heardOwner }: LeaseGroup, nowUs: number): string | null {
  if (role.name === 'active') return config.node;
  const heardLately = heardOwner !== undefined && nowUs - heardOwner.atUs <= PROMISE_INTERVALS * config.intervalUs;
  return heardLately ? heardOwner.node : null;
}

function reasonOf(
  group: LeaseGroup,
  witness: WitnessLink | undefined,
  wayProblem: string | undefined,
  nowUs: number,
): string | null {
  const { state } = group;
  const reasons = [...group.faults, ...identityReasons(state, nowUs), ...promiseReasons(state, nowUs)];
  if (group.state.role.name === 'initialize') {
    reasons.push('has just started: waits until every promise of an earlier run has run out');
  }
  if (group.state.role.name === 'closing') {
    reasons.push('gives up the group: waits for the kernel to confirm that the fence is closed');
  }
  const link = witness?.state();
  if (link !== undefined && link.kind !== 'connected' && hasWitnessVote(group.state)) {
    reasons.push(`the witness cannot break a tie now: ${link.detail}`);
  }
  if (wayProblem !== undefined) reasons.push(wayProblem);
  return reasons.length === 0 ? null : reasons.join('; ');
}

function witnessStatus(witness: WitnessLink | undefined): GroupStatus['witness'] {
  if (witness === undefined) return { state: 'not_configured', vote_ms_p50: null, vote_ms_p99: null };
  const { p50Ms, p99Ms } = witness.voteTimes();
  return { state: witness.state().kind, vote_ms_p50: p50Ms, vote_ms_p99: p99Ms };
}

function virtualRouters(
  config: GroupConfig,
  stateOf: (index: number) => 'initialize' | 'backup' | 'active',
  effectivePriorityOf: (index: number) => number | undefined,
): GroupStatus['virtual_routers'] {
  return config.virtualRouters.map((router: VirtualRouterConfig, index) => ({
    interface: router.interface,
    virtual_router_id: router.virtualRouterId,
    version: router.version,
    family: router.family,
    state: stateOf(index),
    priority: router.priority,
    effective_priority: effectivePriorityOf(index) ?? router.priority,
    advertisement_interval_ms: router.advertisementIntervalUs / 1000,
    addresses: router.addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
  }));
}

function seconds(us: number): string {
  return (us / 1_000_000).toFixed(1);
}
