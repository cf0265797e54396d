import type { GroupStatus } from '../api/index.ts';
import { counter, gauge, type Metric, type Sample, stateSet } from './metric.ts';
import type { Reading, RouterReading } from './reading.ts';

const STATES = ['initialize', 'backup', 'active'] as const;
/** The same id may be in use once for each family. */
const LABELS = ['group', 'interface', 'virtual_router_id', 'family'] as const;
type RouterLabel = (typeof LABELS)[number];
type RouterStatus = GroupStatus['virtual_routers'][number];

function labelsOf(group: string, router: RouterStatus): Record<RouterLabel, string> {
  const { interface: name, virtual_router_id: id, family } = router;
  return { group, interface: name, virtual_router_id: String(id), family };
}

function each(of: (router: RouterStatus) => number) {
  return ({ status }: Reading): Sample<RouterLabel>[] =>
    status.groups.flatMap(({ name, virtual_routers }) =>
      virtual_routers.map((router) => ({ labels: labelsOf(name, router), value: of(router) })),
    );
}

function counted<Label extends string>(
  samplesOf: (labels: Record<RouterLabel, string>, router: RouterReading) => readonly Sample<Label>[],
) {
  return ({ groups }: Reading): Sample<Label>[] =>
    groups.flatMap(({ name, routers }) =>
      routers.flatMap((router) => {
        const { interface: where, virtualRouterId, family } = router;
        const labels = { group: name, interface: where, virtual_router_id: String(virtualRouterId), family };
        return samplesOf(labels, router);
      }),
    );
}

function count(of: (router: RouterReading) => number) {
  return counted<RouterLabel>((labels, router) => [{ labels, value: of(router) }]);
}

export const ROUTER_METRICS: readonly Metric[] = [
  gauge(
    'tiebreak_virtual_router_state',
    'The VRRP state: 1 for the present one, 0 for every other.',
    [...LABELS, 'state'],
    ({ status }) =>
      status.groups.flatMap(({ name, virtual_routers }) =>
        virtual_routers.flatMap((router) => {
          const labels = labelsOf(name, router);
          return stateSet(STATES, router.state, (state) => ({ ...labels, state }));
        }),
      ),
  ),
  gauge(
    'tiebreak_virtual_router_priority',
    'The configured priority.',
    LABELS,
    each(({ priority }) => priority),
  ),
  gauge(
    'tiebreak_virtual_router_effective_priority',
    'The priority with the weights of its checks.',
    LABELS,
    each(({ effective_priority }) => effective_priority),
  ),
  gauge(
    'tiebreak_virtual_router_advertisement_interval_seconds',
    'The configured time from one advertisement to the next.',
    LABELS,
    each(({ advertisement_interval_ms: ms }) => ms / 1000),
  ),
  counter(
    'tiebreak_virtual_router_advertisements_sent_total',
    'Advertisements handed to the kernel, one for each destination.',
    LABELS,
    count(({ advertisementsSent }) => advertisementsSent),
  ),
  counter(
    'tiebreak_virtual_router_advertisements_received_total',
    'Advertisements of this virtual router that were well-formed and authentic.',
    LABELS,
    count(({ advertisementsReceived }) => advertisementsReceived),
  ),
  counter(
    'tiebreak_virtual_router_advertisements_discarded_total',
    'VRRP packets that changed nothing, by reason; those of other virtual routers are not counted. A reason appears with its first packet.',
    [...LABELS, 'reason'],
    counted((labels, { advertisementsDiscarded }) =>
      Array.from(advertisementsDiscarded, ([reason, value]) => ({ labels: { ...labels, reason }, value })),
    ),
  ),
  counter(
    'tiebreak_virtual_router_addresses_restored_total',
    'Addresses that this node owned, that another program removed, and that were put back.',
    LABELS,
    count(({ addressesRestored }) => addressesRestored),
  ),
  counter(
    'tiebreak_virtual_router_addresses_removed_total',
    'Addresses that were there although this node did not own them, and were taken away.',
    LABELS,
    count(({ addressesRemoved }) => addressesRemoved),
  ),
  counter(
    'tiebreak_virtual_router_foreign_claims_total',
    'How often another host announced an address that was owned here.',
    LABELS,
    count(({ foreignClaims }) => foreignClaims),
  ),
];
