import { formatDuration } from '../config/index.ts';
import {
  type Advice,
  type FaultResult,
  hasVotingWitness,
  masterDownUs,
  nameOf,
  namesOf,
  type Outcome,
  type Setting,
  type Simulated,
  stayed,
} from '../simulate/index.ts';
import { formatSpan } from './span.ts';
import { alignColumns } from './table.ts';

const RTTS_PER_INTERVAL = 2.1;

/** The whole answer for one group, for people. */
export function renderSimulated(name: string, simulated: Simulated, seed: number): string {
  const { setting, results } = simulated;
  const head = ['FAULT', 'OWNER THEN', 'NOBODY, MEDIAN', 'WORST', 'TWO OWNERS'];
  const rows = results.map((result) => renderRow(setting, result));
  const parts = [
    `group ${name}: ${describeNodes(setting)}\n${describeSetting(setting, results[0]?.runs ?? 0, seed)}`,
    alignColumns([head, ...rows]),
    renderTwoOwners(simulated),
    ...renderAdvice(simulated),
  ];
  return `${parts.join('\n\n')}\n`;
}

function describeNodes(setting: Setting): string {
  const { nodes, priorities } = setting;
  const peers = nodes.slice(1).map((node, index) => `${node} (priority ${priorities[index + 1]})`);
  const alike = peers.length === 1 ? 'is taken for configured alike' : 'are taken for configured alike';
  return `${nodes[0]} owns (priority ${priorities[0]}); ${peers.join(', ')} ${alike}`;
}

function describeSetting(setting: Setting, runs: number, seed: number): string {
  const { policy, intervalUs, witnessRttUs } = setting;
  const vote = formatDuration(witnessRttUs);
  const kept = policy.name === 'bias' ? `, bias_promise ${formatDuration(policy.promiseMs * 1000)}` : '';
  const rows = [
    ['policy', `${policy.name}${kept}`],
    ['timing', `interval ${formatDuration(intervalUs)}, down time ${span(masterDownUs(setting))}`],
    ['witness', hasVotingWitness(setting) ? `its votes take up to ${vote}` : 'none that votes'],
    ['runs', `${runs} of each fault, at other moments each time; --seed ${seed}`],
  ];
  const neededUs = Math.ceil((RTTS_PER_INTERVAL * witnessRttUs) / 10_000) * 10_000;
  if (hasVotingWitness(setting) && intervalUs < neededUs)
    rows.push(['note', `votes of ${vote} want an interval of at least ${formatDuration(neededUs)}`]);
  return alignColumns(rows.map(([key = '', value = '']) => [`  ${key}`, value]));
}

function renderRow(setting: Setting, result: FaultResult): string[] {
  const { fault, nobodyUs, twoOwnersUs } = result;
  return [
    fault.text(namesOf(setting)),
    describeOwners(setting, result),
    describeNobody(nobodyUs.median),
    describeNobody(nobodyUs.worst),
    span(twoOwnersUs),
  ];
}

/** `b`, `a for 45.0 s, then nobody`, `19 of 20: b / 1 of 20: nobody` */
function describeOwners(setting: Setting, result: FaultResult): string {
  const times = new Map<string, number>();
  for (const outcome of result.outcomes) {
    const text = describeOutcome(setting, outcome, result);
    times.set(text, (times.get(text) ?? 0) + outcome.runs);
  }
  if (times.size === 1) return [...times.keys()].join('');
  return [...times].map(([text, runs]) => `${runs} of ${result.runs}: ${text}`).join(' / ');
}

function describeOutcome(setting: Setting, outcome: Outcome, { fault, keptUs }: FaultResult): string {
  const { owners, ownersAfter, ownersAtLast } = outcome;
  const named = (places: readonly string[]): string => places.map((place) => nameOf(setting, place)).join(' and ');
  const [first = '', ...later] = owners.map((owner) => nameOf(setting, owner));
  if (ownersAfter.length === 0) {
    // What is over within the down time is the end of a lease, not something that is kept.
    return keptUs > masterDownUs(setting) ? `${first} for ${span(keptUs)}, then nobody` : 'nobody';
  }
  const again = later.map((node) => (node === first ? `${node} again` : node)).join(', then ');
  const path = ownersAfter.length > 1 ? named(ownersAfter) : again || first;
  const isAsBefore = named(ownersAtLast) === named(ownersAfter) || ownersAtLast.length === 0;
  return fault.end === undefined || isAsBefore ? path : `${path}; ${named(ownersAtLast)} once it is over`;
}

function describeNobody(us: number): string {
  return us === Number.POSITIVE_INFINITY ? 'until it is over' : span(us);
}

function renderTwoOwners({ setting, results }: Simulated): string {
  const broken = results.flatMap(({ fault, broken: runs }) =>
    runs.map(({ seed, broken }) => `  ${fault.text(namesOf(setting))}, seed ${seed}: ${broken?.message ?? ''}`),
  );
  const rows = results.filter(({ twoOwnersUs }) => twoOwnersUs > 0).length;
  if (broken.length > 0) {
    return `A rule of the election was broken. This is a defect of tiebreak: please report it with the configuration.\n${broken.join('\n')}`;
  }
  if (rows === 0) return 'Two nodes owned at no moment.';
  return setting.policy.name === 'available'
    ? 'Two nodes owned at once: policy "available" allows it, as plain VRRP does.'
    : 'Two nodes owned at once. This is a defect of tiebreak: please report it with the configuration.';
}

function renderAdvice({ setting, longestUs, advice }: Simulated): string[] {
  if (advice.length === 0) return [];
  const head = `What to change where nobody owns for longer than ${span(longestUs)}, or two do:`;
  return [[head, ...advice.map((one) => `  ${describeAdvice(setting, one)}`)].join('\n')];
}

function describeAdvice(setting: Setting, { result, better }: Advice): string {
  const fault = result.fault.text(namesOf(setting));
  if (better === undefined) return `${fault}: no one line of the file changes that`;
  return `${fault}: ${better.change.line} ${describeBetter(better.change.setting, better.result)}`;
}

function describeBetter(setting: Setting, result: FaultResult): string {
  const { nobodyUs, keptUs } = result;
  const [owner = ''] = setting.nodes;
  if (nobodyUs.worst === Number.POSITIVE_INFINITY) {
    return keptUs > masterDownUs(setting) ? `keeps ${owner} for ${span(keptUs)}` : 'leaves nobody instead of two';
  }
  if (stayed(result)) return `keeps ${owner}`;
  return `makes it ${span(nobodyUs.worst)}`;
}

function span(us: number): string {
  return formatSpan(us / 1000);
}
