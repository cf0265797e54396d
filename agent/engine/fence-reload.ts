import { setTimeout as sleep } from 'node:timers/promises';
import type { GroupConfig } from '../config/index.ts';
import type { FenceOptions } from '../kernel/fence/index.ts';
import type { Logger } from '../log/index.ts';
import type { ReloadPlan } from '../reload/index.ts';
import { fenceBetween, fenceWithAdditions, planFence, routerName } from './fence-plan.ts';
import { guardsOf, type OpenedFence, requireRefusals, requireSameCover } from './open-fence.ts';
import { StartFailure } from './start-failure.ts';

/** A fence that nobody can close ends within 1.7 s. */
const NARROW_AGAIN_MS = 100;
const NARROW_ATTEMPTS = 20;

/** The fence during a reload. */
export type PreparedFence = {
  readonly opened: OpenedFence;
  /** While the change goes on. */
  readonly between: FenceOptions;
  /** Once what goes has gone. */
  readonly after: FenceOptions;
  /** The last step of the preparation: what goes is let through no more. Throws StartFailure. */
  readonly withdraw: () => void;
  /** As it was before. */
  readonly undo: () => void;
};

/** By `routerName`: the numbers that virtual routers in mode `vrrp` have in the fence. */
export function plainIdsOf(opened: OpenedFence | undefined): ReadonlyMap<string, number> {
  return new Map(Array.from(opened?.guards ?? [], ([router, { id }]) => [routerName(router), id]));
}

/**
 * Holds back what is new; all that an owner has stays open. Throws StartFailure, and then nothing has changed. Undefined: this
 * host has no fence, and the groups need none.
 */
export function prepareFence(options: {
  readonly plan: ReloadPlan;
  readonly groups: readonly GroupConfig[];
  readonly before: FenceOptions | undefined;
  readonly opened: OpenedFence | undefined;
  /** Those that are there and carry this host's own ARP. */
  readonly interfaces: readonly string[];
  readonly log: Logger;
}): PreparedFence | undefined {
  const { plan, groups, before, opened, log } = options;
  const { config, changed } = plan;
  if (before === undefined || opened === undefined) {
    if (config.groups.some(({ mode }) => mode === 'lease')) {
      throw new StartFailure('there is no fence here, so no lease: restart the agent, which says why');
    }
    requireRefusals(config.groups, [], 'there is none here');
    return undefined;
  }
  const interfaces = [...new Set([...before.interfaces, ...options.interfaces])];
  const reserved = groups.map(({ id }) => id);
  const { options: after, plain } = planFence(config.groups, interfaces, plainIdsOf(opened), reserved);
  requireRefusals(config.groups, [...plain.keys()], 'the fence does not cover it');
  requireSameCover(changed, opened.guards, plain);
  const { fence } = opened;
  const go = (to: FenceOptions): void => {
    const done = fence.change(to);
    if (!done.ok) throw new StartFailure(done.text);
  };
  go(fenceWithAdditions(before, after));
  const between = fenceBetween(before, after);
  return {
    opened: { ...opened, guards: guardsOf(plain, opened, log) },
    between,
    after,
    withdraw: () => go(between),
    undo() {
      const undone = fence.change(before);
      if (!undone.ok) log.warn(`the fence holds back more than it has to: ${undone.text}`);
    },
  };
}

/**
 * Holds back no more what has gone; returns what the fence is by then. A group whose fence nobody could close has closed by
 * itself by then.
 *
 * @param left groups of which an address could not be removed: it is held back on
 */
export async function narrowFence(
  { opened, between, after }: PreparedFence,
  left: ReadonlySet<number>,
  isStopping: () => boolean,
  log: Logger,
): Promise<FenceOptions> {
  const stays = between.groups.filter(({ id }) => left.has(id));
  if (stays.length > 0) {
    log.error('an address could not be removed: it stays, and the fence holds it back; remove it by hand');
  }
  const options = { ...after, groups: [...after.groups.filter(({ id }) => !left.has(id)), ...stays] };
  for (let attempt = 0; !isStopping(); attempt += 1) {
    const changed = opened.fence.change(options);
    if (changed.ok) return options;
    if (attempt === NARROW_ATTEMPTS) {
      log.error(`the fence holds back more than it has to: ${changed.text}`);
      break;
    }
    await sleep(NARROW_AGAIN_MS);
  }
  return between;
}
