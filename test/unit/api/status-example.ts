import type { Status } from '../../../agent/api/index.ts';

/** A pair in good health, seen from its owner. */
export const WELL: Status = {
  node: 'a',
  version: '0.1.0',
  process: { engine_pid: 4711, guardian_pid: null },
  groups: [
    {
      name: 'edge',
      mode: 'lease',
      policy: 'safe',
      protected: true,
      reason: null,
      role: 'active',
      ballot: { counter: 5, node: 'a' },
      owner: 'a',
      since: '2026-01-02T03:04:05.000Z',
      quorum: {
        needed: 2,
        held: 2,
        votes: [
          { voter: 'a', state: 'granted', remaining_ms: 612 },
          { voter: 'b', state: 'granted', remaining_ms: 431.5 },
          { voter: 'witness', state: 'free', remaining_ms: 0 },
        ],
      },
      fence: { level: 'full', open: true, expires_in_ms: 402 },
      witness: { state: 'connected', vote_ms_p50: 21.3, vote_ms_p99: 48 },
      virtual_routers: [
        {
          interface: 'eth0',
          virtual_router_id: 33,
          version: 3,
          family: 'ipv4',
          state: 'active',
          priority: 200,
          effective_priority: 200,
          advertisement_interval_ms: 250,
          addresses: ['192.0.2.100/24'],
        },
      ],
      checks: [],
      peers: [{ node: 'b', state: 'heard', paths: [{ address: '192.0.2.2', heard_ms_ago: 62, rtt_ms: 0.41 }] }],
      notify: [],
      floating_ips: [],
    },
  ],
};
