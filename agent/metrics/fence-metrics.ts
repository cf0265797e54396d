import { counter, gauge, type Metric, stateSet, truth } from './metric.ts';

const LEVELS = ['full', 'no_egress', 'none'] as const;

export const FENCE_METRICS: readonly Metric[] = [
  gauge('tiebreak_fence_open', 'Whether the kernel lets this host answer for the addresses.', ['group'], ({ status }) =>
    status.groups.map(({ name, fence }) => ({ labels: { group: name }, value: truth(fence.open) })),
  ),
  gauge(
    'tiebreak_fence_remaining_seconds',
    'After how long the kernel closes the fence by itself unless the lease is renewed; 0 while it is closed.',
    ['group'],
    ({ status }) =>
      status.groups.map(({ name, fence }) => ({ labels: { group: name }, value: (fence.expires_in_ms ?? 0) / 1000 })),
  ),
  gauge(
    'tiebreak_fence_level',
    'What the fence can do on this kernel: 1 for the present level, 0 for every other.',
    ['group', 'level'],
    ({ status }) =>
      status.groups.flatMap(({ name, fence }) => stateSet(LEVELS, fence.level, (level) => ({ group: name, level }))),
  ),
  counter(
    'tiebreak_fence_refusals_total',
    'Acts of the fence that the kernel did not confirm; lease_too_short is an everyday matter. A reason appears with its first act.',
    ['group', 'reason'],
    ({ groups }) =>
      groups.flatMap(({ name, fenceRefusals }) =>
        Array.from(fenceRefusals, ([reason, value]) => ({ labels: { group: name, reason }, value })),
      ),
  ),
  counter(
    'tiebreak_fence_hop_limit_drops_total',
    'VRRP packets that the fence dropped because their TTL or hop limit was not 255. Missing without a fence.',
    ['family'],
    ({ hopLimitDrops }) => Array.from(hopLimitDrops ?? [], ([family, value]) => ({ labels: { family }, value })),
  ),
];
