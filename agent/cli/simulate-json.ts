import { type FaultResult, masterDownUs, nameOf, namesOf, type Setting, type Simulated } from '../simulate/index.ts';

/** The answer for one group, for machines: times in ms; null where nobody owns until the fault is over. */
export function simulatedAsJson(name: string, { setting, longestUs, results, advice }: Simulated): object {
  const { nodes, priorities, policy, intervalUs, witnessRttUs, hasWitness } = setting;
  return {
    name,
    mode: 'lease',
    simulated: true,
    nodes: nodes.map((node, index) => ({ node, priority: priorities[index] })),
    policy: policy.name,
    bias_promise_ms: policy.name === 'bias' ? policy.promiseMs : null,
    advertisement_interval_ms: intervalUs / 1000,
    down_time_ms: inMs(masterDownUs(setting)),
    witness_rtt_ms: hasWitness ? witnessRttUs / 1000 : null,
    longest_ms: inMs(longestUs),
    faults: results.map((result) => resultAsJson(setting, result)),
    advice: advice.map(({ result, better }) => ({
      fault: result.fault.id,
      change: better?.change.line ?? null,
      result: better === undefined ? null : resultAsJson(better.change.setting, better.result),
    })),
  };
}

function resultAsJson(setting: Setting, result: FaultResult): object {
  const { fault, runs, outcomes, nobodyUs, keptUs, twoOwnersUs, broken } = result;
  const named = (places: readonly string[]): string[] => places.map((place) => nameOf(setting, place));
  return {
    fault: fault.id,
    text: fault.text(namesOf(setting)),
    runs,
    outcomes: outcomes.map(({ owners, ownersAfter, ownersAtLast, runs: times }) => ({
      owners: named(owners),
      owners_after: named(ownersAfter),
      owners_once_over: fault.end === undefined ? null : named(ownersAtLast),
      moved: owners.length > 1,
      runs: times,
    })),
    nobody_ms: { median: inMs(nobodyUs.median), worst: inMs(nobodyUs.worst) },
    kept_ms: inMs(keptUs),
    two_owners_ms: inMs(twoOwnersUs),
    broken: broken.map(({ seed, broken: rule }) => ({ seed, message: rule?.message ?? null })),
  };
}

/** To the microsecond; null: without end. */
function inMs(us: number): number | null {
  return Number.isFinite(us) ? Math.round(us) / 1000 : null;
}
