import type { GroupStatus } from '../api/index.ts';
import { counter, gauge, type Metric, single, stateSet } from './metric.ts';
import type { Reading, WitnessReading } from './reading.ts';

const STATES = ['connected', 'connecting', 'unreachable', 'refused', 'not_configured'] as const;

/** The node has one link, of which the status tells with each group. */
function linkOf({ status }: Reading): GroupStatus['witness'] | undefined {
  return status.groups[0]?.witness;
}

function milliseconds(ms: number | null | undefined) {
  return ms === null || ms === undefined ? [] : single(ms / 1000);
}

function count(of: (witness: WitnessReading) => number) {
  return ({ witness }: Reading) => (witness === undefined ? [] : single(of(witness)));
}

function byReason(countsOf: (witness: WitnessReading) => ReadonlyMap<string, number>) {
  return ({ witness }: Reading) =>
    witness === undefined ? [] : Array.from(countsOf(witness), ([reason, value]) => ({ labels: { reason }, value }));
}

/** Those that count are missing where no witness is configured. */
export const WITNESS_METRICS: readonly Metric[] = [
  gauge(
    'tiebreak_witness_link_state',
    'The link to the witness: 1 for the present state, 0 for every other.',
    ['state'],
    (reading) => stateSet(STATES, linkOf(reading)?.state ?? 'not_configured', (state) => ({ state })),
  ),
  gauge(
    'tiebreak_witness_round_trip_p50_seconds',
    'How long a vote takes, storage write included: median of the last 64 rehearsals. Missing before the first.',
    [],
    (reading) => milliseconds(linkOf(reading)?.vote_ms_p50),
  ),
  gauge('tiebreak_witness_round_trip_p99_seconds', 'The same, 99th percentile.', [], (reading) =>
    milliseconds(linkOf(reading)?.vote_ms_p99),
  ),
  counter(
    'tiebreak_witness_link_losses_total',
    'How often a working link to the witness was lost.',
    [],
    count(({ linkLosses }) => linkLosses),
  ),
  counter(
    'tiebreak_witness_votes_requested_total',
    'Votes that this node asked the witness for, repeats of a request left out.',
    [],
    count(({ votesRequested }) => votesRequested),
  ),
  counter(
    'tiebreak_witness_votes_granted_total',
    'Votes that the witness granted.',
    [],
    count(({ votesGranted }) => votesGranted),
  ),
  counter(
    'tiebreak_witness_votes_refused_total',
    'Votes that the witness refused. A reason appears with its first refusal.',
    ['reason'],
    byReason(({ votesRefused }) => votesRefused),
  ),
  counter(
    'tiebreak_witness_messages_dropped_total',
    'What came from the witness and was not believed.',
    ['reason'],
    byReason(({ messagesDropped }) => messagesDropped),
  ),
];
