/**
 * Virtual routers that move together (keepalived: a sync group), each by RFC 9568.
 *
 * One that hears a better owner takes the others with it to Backup. They become Active together, once the timer of each has
 * expired: as long as one of them hears an owner, the others wait. Otherwise a group of which one network is cut would go to and
 * fro for ever.
 */
import { step } from './machine.ts';
import { INITIALIZE, type RouterEffect, type RouterEvent, type RouterParameters, type RouterState } from './router.ts';

export type RoutersState = {
  /** In the order of the parameters. */
  readonly routers: readonly RouterState[];
  /** Whose timer has expired, and who has heard no owner since. */
  readonly ready: ReadonlySet<number>;
};

/** An effect of the virtual router with that index; to be performed in order. */
export type RoutersEffect = { readonly index: number; readonly effect: RouterEffect };

const NOBODY: ReadonlySet<number> = new Set();

export function initialRouters(count: number): RoutersState {
  return { routers: Array.from({ length: count }, () => INITIALIZE), ready: NOBODY };
}

/**
 * One event of the virtual router `index`, as in `step`. Startup and shutdown concern that one alone: whoever starts or ends a
 * group says it to each.
 */
export function stepRouters(
  parameters: readonly RouterParameters[],
  before: RoutersState,
  index: number,
  event: RouterEvent,
  nowUs: number,
): { readonly state: RoutersState; readonly effects: readonly RoutersEffect[] } {
  const turn: Turn = { parameters, routers: [...before.routers], effects: [], nowUs };
  const ready = take(turn, before, index, event);
  return { state: { routers: turn.routers, ready }, effects: turn.effects };
}

type Turn = {
  readonly parameters: readonly RouterParameters[];
  readonly routers: RouterState[];
  readonly effects: RoutersEffect[];
  readonly nowUs: number;
};

function take(turn: Turn, { routers, ready }: RoutersState, index: number, event: RouterEvent): ReadonlySet<number> {
  const from = routers[index];
  if (from === undefined) throw new RangeError(`there is no virtual router ${index}`);
  if (event.kind === 'timer' && from.kind === 'backup' && turn.nowUs >= from.deadlineUs && routers.length > 1) {
    return timerExpired(turn, ready, index);
  }
  const to = stepOne(turn, index, event);
  if (from.kind === 'active' && to.kind === 'backup') {
    for (const other of routers.keys()) if (other !== index) stepOne(turn, other, { kind: 'group-backup' });
    return NOBODY;
  }
  const isNoOwner = turn.effects.some(({ effect }) => effect.kind === 'discard');
  return event.kind === 'timer' || isNoOwner ? ready : without(ready, index);
}

function timerExpired(turn: Turn, ready: ReadonlySet<number>, index: number): ReadonlySet<number> {
  const readyNow = new Set(ready).add(index);
  const waitsFor = turn.routers.some(({ kind }, other) => kind !== 'active' && !readyNow.has(other));
  if (waitsFor) {
    stepOne(turn, index, { kind: 'group-waits' });
    return readyNow;
  }
  for (const other of turn.routers.keys()) stepOne(turn, other, { kind: 'group-active' });
  return NOBODY;
}

function stepOne(turn: Turn, index: number, event: RouterEvent): RouterState {
  const parameters = turn.parameters[index];
  const before = turn.routers[index];
  if (parameters === undefined || before === undefined) throw new RangeError(`there is no virtual router ${index}`);
  const { state, effects } = step(parameters, before, event, turn.nowUs);
  turn.routers[index] = state;
  for (const effect of effects) turn.effects.push({ index, effect });
  return state;
}

function without(ready: ReadonlySet<number>, index: number): ReadonlySet<number> {
  if (!ready.has(index)) return ready;
  const fewer = new Set(ready);
  fewer.delete(index);
  return fewer;
}
