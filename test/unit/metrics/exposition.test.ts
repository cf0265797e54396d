import { describe, expect, test } from 'vitest';
import type { GroupStatus } from '../../../agent/api/index.ts';
import { expose, METRICS, type Reading } from '../../../agent/metrics/index.ts';
import { WELL } from '../api/status-example.ts';
import { HEALTHY } from './reading-example.ts';

/** The samples of one metric, as they are told. */
async function samplesOf(name: string, reading: Reading = HEALTHY): Promise<string[]> {
  const { text } = await expose(reading);
  return text.split('\n').filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
}

function withGroup(change: Partial<GroupStatus>): Reading {
  const groups = WELL.groups.map((group) => ({ ...group, ...change }));
  return { ...HEALTHY, status: { ...WELL, groups } };
}

describe('what is told of a healthy owner', () => {
  const ROUTER = 'group="edge",interface="eth0",virtual_router_id="33",family="ipv4"';

  test.each<[string, string[]]>([
    ['tiebreak_build_info', ['{node="a",version="0.1.0"} 1']],
    ['tiebreak_healthy', [' 1']],
    ['tiebreak_guardian_running', [' 0']],
    ['tiebreak_group_info', ['{group="edge",mode="lease",policy="safe"} 1']],
    ['tiebreak_group_owner', ['{group="edge"} 1']],
    ['tiebreak_group_owner_known', ['{group="edge"} 1']],
    [
      'tiebreak_group_role',
      [
        '{group="edge",role="active"} 1',
        '{group="edge",role="backup"} 0',
        '{group="edge",role="candidate"} 0',
        '{group="edge",role="initialize"} 0',
        '{group="edge",role="fault"} 0',
        '{group="edge",role="maintenance"} 0',
      ],
    ],
    ['tiebreak_group_role_start_time_seconds', ['{group="edge"} 1767323045']],
    ['tiebreak_group_protected', ['{group="edge"} 1']],
    ['tiebreak_group_attention', ['{group="edge"} 0']],
    ['tiebreak_group_ballot', ['{group="edge"} 5']],
    ['tiebreak_group_votes_needed', ['{group="edge"} 2']],
    ['tiebreak_group_votes_held', ['{group="edge"} 2']],
    [
      'tiebreak_vote_granted',
      ['{group="edge",voter="a"} 1', '{group="edge",voter="b"} 1', '{group="edge",voter="witness"} 0'],
    ],
    [
      'tiebreak_vote_remaining_seconds',
      ['{group="edge",voter="a"} 0.612', '{group="edge",voter="b"} 0.4315', '{group="edge",voter="witness"} 0'],
    ],
    ['tiebreak_group_takeovers_total', ['{group="edge"} 1']],
    ['tiebreak_group_transitions_total', ['{group="edge",from="candidate",to="active",cause="votes_complete"} 1']],
    ['tiebreak_fence_open', ['{group="edge"} 1']],
    ['tiebreak_fence_remaining_seconds', ['{group="edge"} 0.402']],
    [
      'tiebreak_fence_level',
      ['{group="edge",level="full"} 1', '{group="edge",level="no_egress"} 0', '{group="edge",level="none"} 0'],
    ],
    ['tiebreak_fence_refusals_total', ['{group="edge",reason="lease_too_short"} 2']],
    ['tiebreak_fence_hop_limit_drops_total', ['{family="ipv4"} 0', '{family="ipv6"} 8']],
    ['tiebreak_peer_heard', ['{group="edge",peer="b"} 1']],
    [
      'tiebreak_peer_config_differs',
      ['{group="edge",peer="b",kind="identity"} 0', '{group="edge",peer="b",kind="settings"} 0'],
    ],
    ['tiebreak_peer_path_round_trip_seconds', ['{group="edge",peer="b",path="192.0.2.2"} 0.00041']],
    ['tiebreak_peer_path_heard_age_seconds', ['{group="edge",peer="b",path="192.0.2.2"} 0.062']],
    ['tiebreak_sideband_datagrams_sent_total', ['{peer="b"} 11']],
    ['tiebreak_sideband_datagrams_received_total', ['{peer="b"} 10']],
    ['tiebreak_sideband_datagrams_refused_total', ['{peer="b",reason="duplicate"} 6']],
    ['tiebreak_sideband_datagrams_misdirected_total', ['{reason="stranger"} 7']],
    [
      'tiebreak_witness_link_state',
      [
        '{state="connected"} 1',
        '{state="connecting"} 0',
        '{state="unreachable"} 0',
        '{state="refused"} 0',
        '{state="not_configured"} 0',
      ],
    ],
    ['tiebreak_witness_round_trip_p50_seconds', [' 0.0213']],
    ['tiebreak_witness_round_trip_p99_seconds', [' 0.048']],
    ['tiebreak_witness_votes_requested_total', [' 6']],
    ['tiebreak_witness_votes_granted_total', [' 5']],
    ['tiebreak_witness_votes_refused_total', ['{reason="bound"} 1']],
    ['tiebreak_witness_messages_dropped_total', ['{reason="bad_mac"} 0']],
    [
      'tiebreak_virtual_router_state',
      [`{${ROUTER},state="initialize"} 0`, `{${ROUTER},state="backup"} 0`, `{${ROUTER},state="active"} 1`],
    ],
    ['tiebreak_virtual_router_priority', [`{${ROUTER}} 200`]],
    ['tiebreak_virtual_router_advertisement_interval_seconds', [`{${ROUTER}} 0.25`]],
    ['tiebreak_virtual_router_advertisements_sent_total', [`{${ROUTER}} 1000`]],
    ['tiebreak_virtual_router_advertisements_received_total', [`{${ROUTER}} 12`]],
    ['tiebreak_virtual_router_advertisements_discarded_total', [`{${ROUTER},reason="bad-checksum"} 4`]],
    ['tiebreak_virtual_router_addresses_restored_total', [`{${ROUTER}} 1`]],
    ['tiebreak_virtual_router_addresses_removed_total', [`{${ROUTER}} 2`]],
    ['tiebreak_virtual_router_foreign_claims_total', [`{${ROUTER}} 3`]],
    ['process_cpu_seconds_total', [' 1.5']],
    ['process_start_time_seconds', [' 1790000000']],
    ['nodejs_eventloop_lag_p99_seconds', [' 0.0004']],
  ])('%s', async (name, samples) => {
    expect(await samplesOf(name)).toEqual(samples.map((sample) => `${name}${sample}`));
  });
});

describe('what is not known is not told as 0', () => {
  test.each<[string, Reading]>([
    ['tiebreak_vote_remaining_seconds', withGroup({ quorum: { needed: 2, held: 0, votes: [voted(null)] } })],
    [
      'tiebreak_witness_round_trip_p50_seconds',
      withGroup({ witness: { state: 'connecting', vote_ms_p50: null, vote_ms_p99: null } }),
    ],
    ['tiebreak_peer_path_heard_age_seconds', withGroup({ peers: [silentPeer()] })],
    ['tiebreak_witness_votes_requested_total', { ...HEALTHY, witness: undefined }],
    ['process_open_fds', { ...HEALTHY, engine: { ...HEALTHY.engine, openFileDescriptors: undefined } }],
    ['nodejs_eventloop_lag_p99_seconds', { ...HEALTHY, engine: { ...HEALTHY.engine, eventLoopLag: undefined } }],
  ])('%s', async (name, reading) => {
    expect(await samplesOf(name)).not.toEqual([]);
    expect(await samplesOf(name, reading)).toEqual([]);
  });

  function voted(remainingMs: number | null) {
    return { voter: 'a', state: 'free', remaining_ms: remainingMs } as const;
  }

  function silentPeer(): GroupStatus['peers'][number] {
    return { node: 'b', state: 'silent', paths: [{ address: '192.0.2.2', heard_ms_ago: null, rtt_ms: null }] };
  }
});

test('a group that is owned by another node, closed, and in need of a look', async () => {
  const reading = withGroup({
    owner: 'b',
    role: 'fault',
    reason: 'a check of the group fails',
    fence: { level: 'no_egress', open: false, expires_in_ms: null },
    checks: [{ name: 'nginx', kind: 'http', state: 'failing', since: '2026-01-02T03:04:05.000Z', detail: '502' }],
  });
  expect(await samplesOf('tiebreak_group_owner', reading)).toEqual(['tiebreak_group_owner{group="edge"} 0']);
  expect(await samplesOf('tiebreak_group_owner_known', reading)).toEqual([
    'tiebreak_group_owner_known{group="edge"} 1',
  ]);
  expect(await samplesOf('tiebreak_group_attention', reading)).toEqual(['tiebreak_group_attention{group="edge"} 1']);
  expect(await samplesOf('tiebreak_fence_remaining_seconds', reading)).toEqual([
    'tiebreak_fence_remaining_seconds{group="edge"} 0',
  ]);
  expect(await samplesOf('tiebreak_fence_level', reading)).toContain(
    'tiebreak_fence_level{group="edge",level="no_egress"} 1',
  );
  expect(await samplesOf('tiebreak_check_state', reading)).toEqual([
    'tiebreak_check_state{group="edge",check="nginx",state="passing"} 0',
    'tiebreak_check_state{group="edge",check="nginx",state="failing"} 1',
    'tiebreak_check_state{group="edge",check="nginx",state="unknown"} 0',
  ]);
});

test('each family has its help and its type, and nothing is said twice', async () => {
  const { contentType, text } = await expose(HEALTHY);
  expect(contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  expect(text.endsWith('\n')).toBe(true);
  const lines = text.split('\n');
  for (const { name, type, help } of METRICS) {
    expect(lines).toContain(`# HELP ${name} ${help}`);
    expect(lines).toContain(`# TYPE ${name} ${type}`);
  }
  const series = lines.filter((line) => line !== '' && !line.startsWith('#')).map((line) => line.split(' ')[0]);
  expect(new Set(series).size).toBe(series.length);
});

test('names follow the conventions: our own prefix or a common one, base units, _total for counters alone', () => {
  for (const { name, type } of METRICS) {
    expect(name).toMatch(/^(tiebreak|process|nodejs)_[a-z0-9_]+$/);
    expect(name.endsWith('_total')).toBe(type === 'counter');
    expect(name).not.toMatch(/_(ms|us|milliseconds|minutes|percent)(_|$)/);
  }
  expect(new Set(METRICS.map(({ name }) => name)).size).toBe(METRICS.length);
});

test('two scrapes at once do not mix', async () => {
  const other = withGroup({ name: 'core', owner: 'b' });
  const [first, second] = await Promise.all([expose(HEALTHY), expose(other)]);
  expect(first.text).toContain('tiebreak_group_owner{group="edge"} 1');
  expect(first.text).not.toContain('group="core"');
  expect(second.text).toContain('tiebreak_group_owner{group="core"} 0');
  expect(second.text).not.toContain('tiebreak_group_owner{group="edge"}');
});

test('much to tell is told in several turns of the event loop', async () => {
  const [group] = WELL.groups;
  if (group === undefined) throw new Error('the example has a group');
  const groups = Array.from({ length: 250 }, (_, index) => ({ ...group, name: `g${index}` }));
  let turns = 0;
  let done = false;
  const turn = (): void => {
    turns += 1;
    if (!done) setImmediate(turn);
  };
  setImmediate(turn);
  await expose({ ...HEALTHY, status: { ...WELL, groups } });
  done = true;
  expect(turns).toBeGreaterThan(5);
});
