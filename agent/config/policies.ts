import type { Policy } from '@tiebreak/shared/lease';
import { formatDuration } from './duration.ts';
import { at, type Finding } from './finding.ts';
import type { CheckedGroup, GroupAlone } from './schema.ts';
import type { Source } from './source.ts';

// Which policy goes with how many agents, with a witness or without (DESIGN section 3).

const BIAS_PROMISE_US = 60_000_000;
/** PROMISE_MAX: what is not longer is no long promise. */
const BIAS_PROMISE_ABOVE_US = 10_000_000;
const BIAS_PROMISE_MAX_US = 600_000_000;

type PolicyTable = Pick<GroupAlone, 'policy' | 'bias_promise' | 'peers'>;

/** `bias` by default where it exists: with two agents and a witness. */
export function policyOf({ policy, bias_promise: promiseUs, peers }: PolicyTable, witness: boolean): Policy {
  const name = policy ?? (peers.length === 1 && witness ? 'bias' : 'safe');
  return name === 'bias' ? { name, promiseMs: (promiseUs ?? BIAS_PROMISE_US) / 1000 } : { name };
}

export function policyFindings(groups: readonly CheckedGroup[], source: Source): Finding[] {
  return leaseGroups(groups).flatMap((group) => policyFinding(group, hasWitness(source), source));
}

function policyFinding({ path, table }: CheckedGroup, witness: boolean, source: Source): Finding[] {
  const { policy, bias_promise: promiseUs, peers } = table;
  const agents = peers.length + 1;
  if (agents === 2 && !witness && policy !== 'available') {
    const message = 'two agents without a witness can never survive the loss of one';
    const hint = 'add [witness], or set mode = "vrrp" for plain VRRP, which may go to two owners';
    return [at(source.keyAt(path), path, message, hint)];
  }
  const biasAt = [...path, 'policy'];
  if (policy === 'bias' && agents > 2) {
    const message = `"bias" is for two agents and a witness, and these are ${inWords(agents)}`;
    return [at(source.valueAt(biasAt), biasAt, message, 'leave it out for "safe"')];
  }
  if (promiseUs === undefined) return [];
  const here = [...path, 'bias_promise'];
  if (policyOf(table, witness).name !== 'bias') {
    const message = 'is for policy "bias" only, which is for two agents and a witness';
    return [at(source.keyAt(here), here, message, 'leave it out')];
  }
  if (promiseUs > BIAS_PROMISE_ABOVE_US && promiseUs <= BIAS_PROMISE_MAX_US) return [];
  return [at(source.valueAt(here), here, 'must be above 10s and at most 10m', `this is ${formatDuration(promiseUs)}`)];
}

export function policyWarnings(groups: readonly CheckedGroup[], source: Source): Finding[] {
  if (hasWitness(source)) return [];
  return leaseGroups(groups)
    .filter(({ table }) => table.peers.length === 3 && table.policy !== 'available')
    .map(({ path }) => {
      const message = 'four agents without a witness survive the loss of one only';
      return at(source.keyAt(path), path, message, 'with [witness] they survive the loss of two');
    });
}

/** 2 to 5 */
export function inWords(agents: number): string {
  return ['two', 'three', 'four', 'five'][agents - 2] ?? String(agents);
}

function leaseGroups(groups: readonly CheckedGroup[]): CheckedGroup[] {
  return groups.filter(({ table }) => table.mode === 'lease' && table.peers.length > 0);
}

/** Also one that is wrong in itself: that is another problem. */
function hasWitness(source: Source): boolean {
  return Object.hasOwn(source.tree, 'witness');
}
