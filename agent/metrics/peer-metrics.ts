import { counter, gauge, type Metric, type Sample, truth } from './metric.ts';
import type { Reading, SidebandReading } from './reading.ts';

type Path = { readonly heard_ms_ago: number | null; readonly rtt_ms: number | null };

/** One sample for each path of which the value is known, in ms. */
function paths(of: (path: Path) => number | null) {
  return ({ status }: Reading): Sample<'group' | 'peer' | 'path'>[] =>
    status.groups.flatMap(({ name, peers }) =>
      peers.flatMap(({ node, paths: known }) =>
        known.flatMap((path) => {
          const ms = of(path);
          return ms === null ? [] : [{ labels: { group: name, peer: node, path: path.address }, value: ms / 1000 }];
        }),
      ),
    );
}

/** Over all links to a peer. */
function perPeer(of: (link: SidebandReading) => number) {
  return ({ sideband }: Reading): Sample<'peer'>[] => {
    const sums = new Map<string, number>();
    for (const link of sideband) sums.set(link.peer, (sums.get(link.peer) ?? 0) + of(link));
    return Array.from(sums, ([peer, value]) => ({ labels: { peer }, value }));
  };
}

function refused({ sideband }: Reading): Sample<'peer' | 'reason'>[] {
  const sums = new Map<string, Map<string, number>>();
  for (const { peer, refused: byReason } of sideband) {
    const sum = sums.get(peer) ?? new Map<string, number>();
    sums.set(peer, sum);
    for (const [reason, count] of byReason) sum.set(reason, (sum.get(reason) ?? 0) + count);
  }
  return Array.from(sums, ([peer, sum]) =>
    Array.from(sum, ([reason, value]) => ({ labels: { peer, reason }, value })),
  ).flat();
}

export const PEER_METRICS: readonly Metric[] = [
  gauge(
    'tiebreak_peer_heard',
    'Whether the peer is heard over the sideband, by any path.',
    ['group', 'peer'],
    ({ status }) =>
      status.groups.flatMap(({ name, peers }) =>
        peers.map(({ node, state }) => ({ labels: { group: name, peer: node }, value: truth(state === 'heard') })),
      ),
  ),
  gauge(
    'tiebreak_peer_config_differs',
    'Whether the peer, when it was heard last, was configured otherwise for the group. identity: neither node votes for the other; settings: a warning.',
    ['group', 'peer', 'kind'],
    ({ groups }) =>
      groups.flatMap(({ name, peers }) =>
        peers.flatMap(({ node, differs }) =>
          (['identity', 'settings'] as const).map((kind) => ({
            labels: { group: name, peer: node, kind },
            value: truth(differs === kind),
          })),
        ),
      ),
  ),
  gauge(
    'tiebreak_peer_path_round_trip_seconds',
    'How long a heartbeat took to the peer, and its acknowledgement back by this path. Missing for a path that was never the first to bring one.',
    ['group', 'peer', 'path'],
    paths(({ rtt_ms }) => rtt_ms),
  ),
  gauge(
    'tiebreak_peer_path_heard_age_seconds',
    'How long ago the peer was heard by this path; missing if it never was.',
    ['group', 'peer', 'path'],
    paths(({ heard_ms_ago }) => heard_ms_ago),
  ),
  counter(
    'tiebreak_sideband_datagrams_sent_total',
    'Datagrams to the peer, over all paths but the witness.',
    ['peer'],
    perPeer(({ sent }) => sent),
  ),
  counter(
    'tiebreak_sideband_datagrams_received_total',
    'Datagrams of the peer that were authentic and new.',
    ['peer'],
    perPeer(({ received }) => received),
  ),
  counter(
    'tiebreak_sideband_datagrams_refused_total',
    'Datagrams signed as the peer signs them that were refused. duplicate: a second path brings everything twice; no_session: a start. A reason appears with its first datagram.',
    ['peer', 'reason'],
    refused,
  ),
  counter(
    'tiebreak_sideband_datagrams_misdirected_total',
    'Datagrams that were refused because they belong to no peer: from an unknown address, or signed with another key. A reason appears with its first datagram.',
    ['reason'],
    ({ sidebandMisdirected }) => Array.from(sidebandMisdirected, ([reason, value]) => ({ labels: { reason }, value })),
  ),
];
