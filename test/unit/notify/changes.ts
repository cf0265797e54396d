import type { GroupState } from '../../../agent/config/index.ts';
import type { GroupChange } from '../../../agent/notify/index.ts';

export function change(number: number, state: GroupState, fields: Partial<GroupChange> = {}): GroupChange {
  return {
    id: `a-edge-1-${number}`,
    at: new Date(1_000_000).toISOString(),
    group: 'edge',
    node: 'a',
    state,
    previous: null,
    cause: 'down_timer',
    ballot: { counter: number, node: 'a' },
    priority: 200,
    virtualRouters: 1,
    addresses: ['192.0.2.100/24'],
    ...fields,
  };
}
