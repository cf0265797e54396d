import type { GroupStatus } from '../api/index.ts';
import { counter, gauge, type Metric, type Sample, stateSet, truth } from './metric.ts';
import type { GroupReading, Reading } from './reading.ts';

const ROLES = ['active', 'backup', 'candidate', 'initialize', 'fault', 'maintenance'] as const;

/** One sample for each group. */
function each(of: (group: GroupStatus, status: Reading['status']) => number) {
  return ({ status }: Reading): Sample<'group'>[] =>
    status.groups.map((group) => ({ labels: { group: group.name }, value: of(group, status) }));
}

/** Any number of samples for each group. */
function many<Label extends string>(samplesOf: (group: GroupStatus) => readonly Sample<Label>[]) {
  return ({ status }: Reading): Sample<Label>[] => status.groups.flatMap(samplesOf);
}

function counted<Label extends string>(samplesOf: (group: GroupReading) => readonly Sample<Label>[]) {
  return ({ groups }: Reading): Sample<Label>[] => groups.flatMap(samplesOf);
}

export const GROUP_METRICS: readonly Metric[] = [
  gauge(
    'tiebreak_group_info',
    'Always 1: mode and policy of the group; policy is empty in mode vrrp.',
    ['group', 'mode', 'policy'],
    many(({ name, mode, policy }) => [{ labels: { group: name, mode, policy: policy ?? '' }, value: 1 }]),
  ),
  gauge(
    'tiebreak_group_owner',
    'Whether this node owns the group.',
    ['group'],
    each(({ owner }, { node }) => truth(owner === node)),
  ),
  gauge(
    'tiebreak_group_owner_known',
    'Whether this node owns the group, or hears another node that does; in mode vrrp only the former.',
    ['group'],
    each(({ owner }) => truth(owner !== null)),
  ),
  gauge(
    'tiebreak_group_role',
    'The role of this node in the group: 1 for the present one, 0 for every other.',
    ['group', 'role'],
    many(({ name, role }) => stateSet(ROLES, role, (state) => ({ group: name, role: state }))),
  ),
  gauge(
    'tiebreak_group_role_start_time_seconds',
    'When the present role began, as Unix time.',
    ['group'],
    each(({ since }) => Date.parse(since) / 1000),
  ),
  gauge(
    'tiebreak_group_protected',
    'Whether something prevents a second owner; always 0 in mode vrrp.',
    ['group'],
    each((group) => truth(group.protected)),
  ),
  gauge(
    'tiebreak_group_attention',
    'Whether tiebreak status has a reason to tell why someone should look at the group.',
    ['group'],
    each(({ reason }) => truth(reason !== null)),
  ),
  gauge(
    'tiebreak_group_ballot',
    'Counter of the highest ballot known here; grows with every change of owner. 0 in mode vrrp.',
    ['group'],
    each(({ ballot }) => ballot.counter),
  ),
  gauge(
    'tiebreak_group_votes_needed',
    'Votes that make an owner; 0 in mode vrrp.',
    ['group'],
    each(({ quorum }) => quorum.needed),
  ),
  gauge(
    'tiebreak_group_votes_held',
    'Votes that this node may count.',
    ['group'],
    each(({ quorum }) => quorum.held),
  ),
  gauge(
    'tiebreak_vote_granted',
    'Whether the voter has granted its vote to this node.',
    ['group', 'voter'],
    many(({ name, quorum }) =>
      quorum.votes.map(({ voter, state }) => ({ labels: { group: name, voter }, value: truth(state === 'granted') })),
    ),
  ),
  gauge(
    'tiebreak_vote_remaining_seconds',
    'For how long the vote still counts, or binds the voter to another node; missing where it has no end, or none is known.',
    ['group', 'voter'],
    many(({ name, quorum }) =>
      quorum.votes.flatMap(({ voter, remaining_ms: ms }) =>
        ms === null ? [] : [{ labels: { group: name, voter }, value: ms / 1000 }],
      ),
    ),
  ),
  counter(
    'tiebreak_group_takeovers_total',
    'How often this node has become the owner; in mode vrrp, one of the virtual routers active.',
    ['group'],
    counted(({ name, takeovers }) => [{ labels: { group: name }, value: takeovers }]),
  ),
  counter(
    'tiebreak_group_transitions_total',
    'Changes of role, attempts included; in mode vrrp, changes of state of its virtual routers. A series begins with its first change.',
    ['group', 'from', 'to', 'cause'],
    counted(({ name, transitions }) =>
      transitions.map(({ from, to, cause, count }) => ({ labels: { group: name, from, to, cause }, value: count })),
    ),
  ),
  gauge(
    'tiebreak_check_state',
    'The state of a check: 1 for the present one, 0 for every other; unknown until its first look.',
    ['group', 'check', 'state'],
    many(({ name, checks }) =>
      checks.flatMap((check) =>
        stateSet(['passing', 'failing', 'unknown'] as const, check.state, (state) => ({
          group: name,
          check: check.name,
          state,
        })),
      ),
    ),
  ),
];
