import type { Policy } from '@tiebreak/shared/lease';
import { formatDuration } from '../config/index.ts';
import type { FaultResult } from './result.ts';
import { prioritiesOf, type Setting } from './setting.ts';

/** One thing that could be otherwise in the file, as its user would write it. */
export type Change = { readonly line: string; readonly setting: Setting };

const BIAS: Policy = { name: 'bias', promiseMs: 60_000 };
const BIAS_PROMISE_MAX_MS = 600_000;
/** As short as `check` takes it with a kernel of 250 ticks a second, in round figures. */
const INTERVALS_US = [1_000_000, 500_000, 250_000, 100_000, 60_000];
/** `check`: an interval has room for two votes of the witness, and a little more. */
const RTTS_PER_INTERVAL = 2.1;
const US_PER_SECOND = 1_000_000;
const NEW_NODE = 'the third node';

/** What may shorten the time that this fault leaves without an owner, or end two owners; the nearest at hand first. */
export function changesFor(setting: Setting, { nobodyUs, twoOwnersUs }: FaultResult): Change[] {
  if (twoOwnersUs > 0) return [...anotherPolicy(setting), ...aWitness(setting)];
  if (nobodyUs.worst < Number.POSITIVE_INFINITY) return shorterIntervals(setting);
  return [...aWitness(setting), ...anotherPolicy(setting), ...longerPromise(setting), ...aThirdNode(setting)];
}

/** The longest interval comes first: it costs the least. */
function shorterIntervals(setting: Setting): Change[] {
  const { intervalUs: nowUs, version, hasWitness, witnessRttUs } = setting;
  const shortestUs = hasWitness ? RTTS_PER_INTERVAL * witnessRttUs : 0;
  return INTERVALS_US.filter((us) => us < nowUs && us >= shortestUs)
    .filter((us) => version === 3 || us % US_PER_SECOND === 0)
    .map((intervalUs) => ({
      line: `advertisement_interval = "${formatDuration(intervalUs)}"`,
      setting: { ...setting, intervalUs },
    }));
}

function aWitness(setting: Setting): Change[] {
  const { hasWitness, nodes, policy } = setting;
  if (hasWitness || nodes.length % 2 === 1) return [];
  const withOne = { ...setting, hasWitness: true };
  if (policy.name !== 'available') return [{ line: '[witness]', setting: withOne }];
  const protectedPolicy: Policy = nodes.length === 2 ? BIAS : { name: 'safe' };
  return [
    { line: `[witness] and policy = "${protectedPolicy.name}"`, setting: { ...withOne, policy: protectedPolicy } },
  ];
}

function anotherPolicy(setting: Setting): Change[] {
  const { policy, nodes, hasWitness } = setting;
  const isPair = nodes.length === 2;
  // Two agents without a witness cannot survive any loss but under "available".
  if (policy.name === 'bias' || (isPair && !hasWitness)) return [];
  const better: Policy = isPair ? BIAS : { name: 'safe' };
  return policy.name === better.name
    ? []
    : [{ line: `policy = "${better.name}"`, setting: { ...setting, policy: better } }];
}

function longerPromise(setting: Setting): Change[] {
  const { policy } = setting;
  if (policy.name !== 'bias' || policy.promiseMs >= BIAS_PROMISE_MAX_MS) return [];
  const promiseMs = Math.min(BIAS_PROMISE_MAX_MS, 2 * policy.promiseMs);
  return [
    {
      line: `bias_promise = "${formatDuration(promiseMs * 1000)}"`,
      setting: { ...setting, policy: { name: 'bias', promiseMs } },
    },
  ];
}

function aThirdNode(setting: Setting): Change[] {
  const { nodes, priorities } = setting;
  if (nodes.length !== 2) return [];
  const more = [...nodes, NEW_NODE];
  const policy: Policy = { name: 'safe' };
  return [
    {
      line: 'a third node in peers',
      setting: { ...setting, nodes: more, policy, priorities: prioritiesOf(priorities[0] ?? 1, more.length) },
    },
  ];
}
