import { styleText } from 'node:util';
import type { GroupStatus, Status } from '../api/index.ts';
import { outlooksOf } from './outlook.ts';
import { formatSpan } from './span.ts';
import { alignColumns } from './table.ts';

export type RenderOptions = {
  /** ms since 1970 */
  readonly now: number;
  readonly colour: boolean;
};

type Paint = (style: 'bold' | 'green' | 'yellow' | 'red', text: string) => string;
type Row = readonly string[];

/** The status for a person: one block for each group; what is as it should be says little, the rest stands out. */
export function renderStatus(status: Status, { now, colour }: RenderOptions): string {
  const paint: Paint = (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text);
  const head = [
    `node ${status.node}, tiebreak ${status.version}, pid ${status.process.engine_pid}`,
    ...configLines(status, now, paint),
  ].join('\n');
  return [head, ...status.groups.map((group) => renderGroup(group, status.node, now, paint))].join('\n\n').concat('\n');
}

/** A refused reload is shown until the next one succeeds: the file is another than what the agent goes by. */
function configLines({ config }: Status, now: number, paint: Paint): string[] {
  if (config === undefined) return [];
  const since = `configuration in force for ${formatSpan(now - Date.parse(config.in_force_since))}`;
  const last = config.last_reload;
  if (last === null || last.ok) return [since];
  const refused = `${since}; a reload was refused ${formatSpan(now - Date.parse(last.at))} ago:`;
  return [paint('yellow', refused), ...last.detail.split('\n').map((line) => paint('yellow', `  ${line}`))];
}

function renderGroup(group: GroupStatus, node: string, now: number, paint: Paint): string {
  const role = paintRole(group.role, paint);
  const title = `${paint('bold', group.name)}  ${role} for ${formatSpan(now - Date.parse(group.since))}`;
  const rows: Row[] = [
    ['  owner', describeOwner(group, node, paint)],
    ...(group.protected ? [] : [['  safety', paint('red', 'unprotected: nothing prevents a second owner')]]),
    ...(group.reason === null ? [] : [['  reason', paint('yellow', group.reason)]]),
    ...(group.mode === 'lease' ? leaseRows(group, paint) : []),
    ['  fence', describeFence(group.fence, paint)],
    ...group.virtual_routers.map((router) => [
      `  ${router.interface}`,
      `vrid ${router.virtual_router_id} ${router.state}, priority ${describePriority(router)}, ${router.addresses.join(', ')}`,
    ]),
    ...group.checks
      .filter((check) => check.state !== 'passing')
      .map((check) => ['  check', paint('red', `${check.name} ${check.state}: ${check.detail}`)]),
    ...group.floating_ips
      .filter(({ state }) => state !== 'idle')
      .map((floating) => ['  floating IP', describeFloatingIp(floating, paint)]),
    ...group.notify.flatMap((receiver) => {
      const text = describeReceiver(receiver);
      return text === undefined ? [] : [['  notify', paint('yellow', text)]];
    }),
    ...group.peers.map((peer) => [`  peer ${peer.node}`, describePeer(peer, paint)]),
    ...outlooksOf(group, node).map(({ without, outcome, good }) => [
      `  without ${without}`,
      good ? outcome : paint('yellow', outcome),
    ]),
  ];
  return `${title}\n${alignColumns(rows)}`;
}

function paintRole(role: GroupStatus['role'], paint: Paint): string {
  switch (role) {
    case 'active':
      return paint('green', role);
    case 'backup':
      return role;
    case 'candidate':
    case 'initialize':
    case 'maintenance':
      return paint('yellow', role);
    case 'fault':
      return paint('red', role);
  }
}

function describeOwner({ owner, ballot, mode }: GroupStatus, node: string, paint: Paint): string {
  const who = owner === null ? paint('red', 'nobody known') : owner === node ? `${owner} (this node)` : owner;
  if (mode === 'vrrp') return who;
  return `${who}, ballot ${ballot.counter === 0 ? 'none' : `${ballot.counter}.${ballot.node}`}`;
}

function leaseRows(group: GroupStatus, paint: Paint): Row[] {
  const { needed, held, votes } = group.quorum;
  const count = group.role === 'active' && held < needed ? paint('red', `${held}`) : `${held}`;
  const each = votes.map((vote) => {
    const remaining = vote.remaining_ms === null || vote.remaining_ms === 0 ? '' : ` ${formatSpan(vote.remaining_ms)}`;
    const text = `${vote.voter} ${vote.state.replaceAll('_', ' ')}${remaining}`;
    return vote.state === 'unreachable' || vote.state === 'quarantined' ? paint('yellow', text) : text;
  });
  return [
    ['  votes', [`${count} held, ${needed} needed`, ...each].join('; ')],
    ['  witness', describeWitness(group.witness, paint)],
  ];
}

function describeWitness({ state, vote_ms_p50, vote_ms_p99 }: GroupStatus['witness'], paint: Paint): string {
  const text = state.replaceAll('_', ' ');
  switch (state) {
    case 'connected':
      if (vote_ms_p50 === null || vote_ms_p99 === null) return text;
      return `${text}, a vote takes ${formatSpan(vote_ms_p50)} (p99 ${formatSpan(vote_ms_p99)})`;
    case 'not_configured':
      return text;
    case 'connecting':
      return paint('yellow', text);
    case 'unreachable':
    case 'refused':
      return paint('red', text);
  }
}

function describeFence({ level, open, expires_in_ms }: GroupStatus['fence'], paint: Paint): string {
  const state =
    open && expires_in_ms !== null ? `open for ${formatSpan(expires_in_ms)} unless renewed` : open ? 'open' : 'closed';
  switch (level) {
    case 'full':
      return state;
    case 'no_egress':
      return `${state}, ${paint('yellow', 'without the egress hook')}`;
    case 'none':
      return paint('red', 'none: the kernel does not enforce the lease');
  }
}

function describeFloatingIp({ address, state, detail }: GroupStatus['floating_ips'][number], paint: Paint): string {
  const text = `${address} is ${state === 'mine' ? 'this node’s' : state}${detail === null ? '' : `: ${detail}`}`;
  return state === 'mine' ? text : paint('yellow', text);
}

/** Undefined: everything has been told. */
function describeReceiver({ target, waiting, trouble }: GroupStatus['notify'][number]): string | undefined {
  if (trouble !== null) return `${target}: ${waiting} waiting; the last attempt failed: ${trouble}`;
  return waiting === 0 ? undefined : `${target}: ${waiting} waiting`;
}

function describePriority({ priority, effective_priority }: GroupStatus['virtual_routers'][number]): string {
  return effective_priority === priority ? `${priority}` : `${effective_priority} (configured ${priority})`;
}

function describePeer({ state, paths }: GroupStatus['peers'][number], paint: Paint): string {
  const each = paths.map(({ address, heard_ms_ago, rtt_ms }) => {
    const heard = heard_ms_ago === null ? 'never heard' : `heard ${formatSpan(heard_ms_ago)} ago`;
    return `${address} ${heard}${rtt_ms === null ? '' : `, round trip ${formatSpan(rtt_ms)}`}`;
  });
  return [state === 'heard' ? state : paint('red', state), ...each].join('; ');
}
