import { GOOD_LINK } from '../../agent/simulation/network.ts';
import { NO_TROUBLES } from '../../agent/simulation/troubles.ts';
import { GROUP, type World } from '../../agent/simulation/world.ts';
import { SLOWEST } from './seed-world.ts';

const SECOND_US = 1_000_000;
const PROMISE_MAX_US = 10 * SECOND_US;
const TENURE_US = 10 * SECOND_US;
/** Two changes, each with writes to disk. */
const CHANGES_US = 5 * SECOND_US;

/** Liveness: one owner in bounded time once nothing fails any more; and after that nothing happens at all. */
export function settleAtLast(world: World): number {
  const { intervalUs, monitor } = world;
  endFaults(world);
  while (world.nowUs < world.troubledUntilUs) world.schedule.runUntil(world.troubledUntilUs);
  while (world.agents.some(({ guardian }) => guardian.atWork)) world.runFor(SECOND_US / 2);
  const goal = world.random.pick(world.identities);
  if (world.identities.length > 1) for (const agent of world.agents) agent.configure(goal);
  const promises = world.identities.map(({ policy }) => (policy.name === 'bias' ? policy.promiseMs * 1000 : 0));
  const longestUs = PROMISE_MAX_US + Math.max(PROMISE_MAX_US, ...promises);
  const changesUs = world.identities.length > 1 ? CHANGES_US + 10 * intervalUs : 0;
  const limitUs = longestUs / SLOWEST + 15 * intervalUs + changesUs;
  const neededUs = world.runUntil(() => isIdle(world), limitUs, intervalUs);
  if (neededUs === undefined) {
    if (!isAgreedUpon(world)) monitor.violated('identity not reached', identitiesInWords(world));
    const roles = `${world.nodes.map((node) => `${node} is ${world.role(node)}`).join(', ')}, owner ${world.owner ?? 'nobody'}`;
    monitor.violated('no owner after the faults', `${roles}, W holds ${world.witness.holder(GROUP) ?? 'nothing'}`);
    return limitUs;
  }
  // What was lost or delayed at the very end of the faults may still have its consequences.
  world.runFor(7 * SECOND_US + 5 * intervalUs);
  preemptAtLast(world);
  const { moves } = monitor;
  const owner = world.owner;
  const asks = asksOf(world);
  const ballot = ballotText(world);
  world.runFor(6 * SECOND_US + 10 * intervalUs);
  if (world.owner !== owner || monitor.moves !== moves) monitor.violated('moved without need', 'in steady state');
  const asked = asksOf(world) - asks;
  if (asked > 0) monitor.violated('not idle in steady state', `${asked} requests to the witness`);
  if (ballotText(world) !== ballot) monitor.violated('not idle in steady state', `${ballot} -> ${ballotText(world)}`);
  return neededUs;
}

/** All nodes go by what they are configured for. */
export function isAgreedUpon({ agents }: World): boolean {
  return agents.every(
    ({ configured, state }) => state?.change === undefined && state?.config.configHash === configured.configHash,
  );
}

export function identitiesInWords({ agents }: World): string {
  return agents
    .map(({ configured, node, state }) => {
      const change = state?.change && `, ${state.change.stage} with ${state.change.to.configHash}`;
      return `${node} goes by ${state?.config.configHash} (${state?.generation}${change ?? ''}) for ${configured.configHash}`;
    })
    .join('; ');
}

/** One owner, on its peers' votes alone, by the identity that all are configured for. */
function isIdle(world: World): boolean {
  const { owner } = world;
  if (!isAgreedUpon(world) || owner === undefined) return false;
  if ([...world.witnesses.values()].some((witness) => witness.holder(GROUP) !== undefined)) return false;
  const roles = world.nodes.map((node) => world.role(node));
  const owners = roles.filter((role) => role === 'active').length;
  return owners === 1 && roles.every((role) => role === 'active' || role === 'backup');
}

function asksOf({ agents }: World): number {
  return agents.reduce((sum, { asks }) => sum + asks, 0);
}

function ballotText({ agents }: World): string {
  return agents
    .map(({ state }) => state?.role)
    .map((role) => (role?.name === 'active' ? `${role.ballot.counter}.${role.ballot.node}` : ''))
    .join('');
}

/** From here on nothing fails any more, but what is cut, frozen or gone stays so for its time. */
function endFaults(world: World): void {
  world.note(() => 'no more faults');
  world.setTroubles(NO_TROUBLES);
  world.network.improve(GOOD_LINK);
}

/** Where nodes preempt, the one of highest priority owns in the end, for all are fit again. */
function preemptAtLast(world: World): void {
  const { preemptDelayUs, intervalUs, monitor } = world;
  if (preemptDelayUs === undefined) return;
  // An owner yields to whoever asks first of those above it, so each step up may cost a tenure.
  const steps = world.nodes.length - 1;
  const limitUs = steps * ((TENURE_US + preemptDelayUs) / SLOWEST + 10 * intervalUs);
  if (world.runUntil(() => world.owner === 'a', limitUs, intervalUs) === undefined)
    monitor.violated('preemption failed', `${world.owner} owns still`);
  world.runFor(SECOND_US + 5 * intervalUs);
}
