import type { Reading } from '../../../agent/metrics/index.ts';
import { WELL } from '../api/status-example.ts';

/** A pair in good health, seen from its owner. */
export const HEALTHY: Reading = {
  status: WELL,
  healthy: true,
  engine: {
    cpuSeconds: 1.5,
    residentBytes: 80_000_000,
    openFileDescriptors: 40,
    startTimeSeconds: 1_790_000_000,
    eventLoopLag: { p99Seconds: 0.0004, maxSeconds: 0.002 },
  },
  recentCrashes: 0,
  historyEntries: 3,
  networkMonitorOverruns: 0,
  fenceRecreations: 0,
  hopLimitDrops: new Map([
    ['ipv4', 0],
    ['ipv6', 8],
  ]),
  groups: [
    {
      name: 'edge',
      transitions: [{ from: 'candidate', to: 'active', cause: 'votes_complete', count: 1 }],
      takeovers: 1,
      fenceRefusals: new Map([['lease_too_short', 2]]),
      peers: [{ node: 'b', differs: null }],
      routers: [
        {
          interface: 'eth0',
          virtualRouterId: 33,
          family: 'ipv4',
          advertisementsSent: 1000,
          advertisementsReceived: 12,
          advertisementsDiscarded: new Map([['bad-checksum', 4]]),
          addressesRestored: 1,
          addressesRemoved: 2,
          foreignClaims: 3,
        },
      ],
    },
  ],
  sideband: [
    { peer: 'b', sent: 10, received: 9, refused: new Map([['duplicate', 5]]) },
    { peer: 'b', sent: 1, received: 1, refused: new Map([['duplicate', 1]]) },
  ],
  sidebandMisdirected: new Map([['stranger', 7]]),
  witness: {
    votesRequested: 6,
    votesGranted: 5,
    votesRefused: new Map([['bound', 1]]),
    linkLosses: 0,
    messagesDropped: new Map([['bad_mac', 0]]),
  },
};
