/**
 * What one receiver is still to be told: in order, one at a time, each change until it has been told.
 *
 * A command acts upon what is so now, hence two exceptions. That this node has become the owner is not told any more once it
 * is not: an old script would take something back that is another node's by now. And a command that fails is not run again
 * for a change that a later one has overtaken. A webhook is told everything.
 */
import type { GroupChange } from './change.ts';

export type Queued = { readonly change: GroupChange; readonly attempts: number };

export type QueueState = {
  /** The first one is the one that is being told, or is told next. */
  readonly waiting: readonly Queued[];
  readonly underWay: boolean;
  /** Wall clock, ms: not before. */
  readonly dueMs: number;
  /** Why the last attempt failed; null: it did not. */
  readonly trouble: string | null;
};

export type Attempted =
  | { readonly kind: 'told' }
  /** `final`: the receiver wants to hear nothing of the kind again. */
  | { readonly kind: 'failed'; readonly text: string; readonly final?: boolean };

export type QueueEvent =
  | { readonly type: 'changed'; readonly change: GroupChange }
  | { readonly type: 'attempted'; readonly outcome: Attempted }
  /** What an earlier run of the agent had begun, whose outcome nobody knows, has come to its end. */
  | { readonly type: 'former-over' }
  | { readonly type: 'receiver-changed' }
  | { readonly type: 'tick' };

export type QueueEffect =
  | { readonly type: 'record-queued'; readonly change: GroupChange }
  | { readonly type: 'record-attempt'; readonly id: string }
  | { readonly type: 'record-done'; readonly id: string }
  /** `attempt`: from 1 */
  | { readonly type: 'tell'; readonly change: GroupChange; readonly attempt: number }
  | { readonly type: 'log'; readonly level: 'info' | 'warn' | 'error'; readonly text: string; readonly id: string };

export type QueueContext = {
  readonly kind: 'command' | 'webhook';
  /** Wall clock, ms. */
  readonly nowMs: number;
  /** Whether this node owns the group at this moment. */
  readonly owns: boolean;
  /** 0 to 1: receivers that were down together are not asked all at once. */
  readonly random: number;
};

const WAITING_MAX = 1_000;
const FIRST_WAIT_MS = 1_000;
const WAIT_MAX_MS = 300_000;
const JITTER = 0.2;
/** Over some eight minutes. */
const COMMAND_ATTEMPTS_MAX = 10;
/** Over some three days, by when somebody has looked. Counted, for a host may start with a clock that is years behind. */
const WEBHOOK_ATTEMPTS_MAX = 872;

/** @param underWay an attempt of an earlier run of the agent still is: nothing is told before 'former-over' */
export function emptyQueue(waiting: readonly Queued[] = [], underWay = false): QueueState {
  return { waiting, underWay, dueMs: 0, trouble: null };
}

export function stepQueue(
  before: QueueState,
  event: QueueEvent,
  context: QueueContext,
): { readonly state: QueueState; readonly effects: readonly QueueEffect[] } {
  const effects: QueueEffect[] = [];
  const happened = take(before, event, context, effects);
  return { state: tellNext(happened, context, effects), effects };
}

/** Wall clock, ms: when the queue has something to do by itself; Infinity: never. */
export function queueDueMs({ waiting, underWay, dueMs }: QueueState): number {
  return waiting.length === 0 || underWay ? Number.POSITIVE_INFINITY : dueMs;
}

function take(state: QueueState, event: QueueEvent, context: QueueContext, effects: QueueEffect[]): QueueState {
  switch (event.type) {
    case 'tick':
      return state;
    case 'changed':
      return queued(state, event.change, context, effects);
    case 'attempted':
      return state.underWay ? attempted(state, event.outcome, context, effects) : state;
    case 'former-over':
      return { ...state, underWay: false };
    case 'receiver-changed':
      return { ...state, dueMs: 0 };
  }
}

function queued(state: QueueState, change: GroupChange, { kind }: QueueContext, effects: QueueEffect[]): QueueState {
  effects.push({ type: 'record-queued', change });
  let { waiting } = state;
  if (waiting.length >= WAITING_MAX) {
    // The one under way is in somebody's hands.
    const [first, second, ...others] = waiting;
    if (first !== undefined && second !== undefined) {
      effects.push(...done(second, 'error', `was never told: more than ${WAITING_MAX} changes waited`));
      waiting = [first, ...others];
    }
  }
  const [head] = waiting;
  const isRetry = head !== undefined && head.attempts > 0 && !state.underWay;
  if (isRetry && kind === 'command') {
    effects.push(...done(head, 'warn', `is not tried again: ${change.state} has come after it`));
    waiting = waiting.slice(1);
  }
  // Somebody wants to know now: whatever the receiver ailed from may have passed.
  return { ...state, waiting: [...waiting, { change, attempts: 0 }], dueMs: isRetry ? 0 : state.dueMs };
}

function attempted(state: QueueState, outcome: Attempted, context: QueueContext, effects: QueueEffect[]): QueueState {
  const [head, ...others] = state.waiting;
  if (head === undefined) return { ...state, underWay: false };
  if (outcome.kind === 'told') {
    effects.push(...done(head, 'info', 'was told'));
    return { waiting: others, underWay: false, dueMs: 0, trouble: null };
  }
  const { text } = outcome;
  const tried = { ...head, attempts: head.attempts + 1 };
  const waitMs = Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** (tried.attempts - 1)) * (1 + JITTER * context.random);
  const dueMs = context.nowMs + Math.round(waitMs);
  const over = outcome.final === true || isTried(tried, others, context.kind);
  if (over) {
    effects.push(...done(tried, 'error', `failed, and is not tried again: ${text}`));
    return { waiting: others, underWay: false, dueMs: 0, trouble: text };
  }
  const seconds = Math.round((dueMs - context.nowMs) / 1_000);
  effects.push({ type: 'record-attempt', id: tried.change.id });
  effects.push(log(tried, 'warn', `failed (attempt ${tried.attempts}), again in ${seconds} s: ${text}`));
  return { waiting: [tried, ...others], underWay: false, dueMs, trouble: text };
}

function isTried({ attempts }: Queued, later: readonly Queued[], kind: QueueContext['kind']): boolean {
  if (kind === 'command') return attempts >= COMMAND_ATTEMPTS_MAX || later.length > 0;
  return attempts >= WEBHOOK_ATTEMPTS_MAX;
}

function tellNext(state: QueueState, context: QueueContext, effects: QueueEffect[]): QueueState {
  const [head, ...others] = state.waiting;
  if (head === undefined || state.underWay) return state;
  if (context.kind === 'command' && head.change.state === 'active' && !context.owns) {
    effects.push(...done(head, 'warn', 'is not told: this node does not own the group any more'));
    return tellNext({ ...state, waiting: others, dueMs: 0 }, context, effects);
  }
  // No wait is as long as that: the clock was set back meanwhile.
  const isSetBack = state.dueMs - context.nowMs > WAIT_MAX_MS * (1 + JITTER) + 1_000;
  if (state.dueMs > context.nowMs && !isSetBack) return state;
  effects.push({ type: 'tell', change: head.change, attempt: head.attempts + 1 });
  return { ...state, underWay: true };
}

function done(queued: Queued, level: 'info' | 'warn' | 'error', text: string): QueueEffect[] {
  return [{ type: 'record-done', id: queued.change.id }, log(queued, level, text)];
}

function log({ change }: Queued, level: 'info' | 'warn' | 'error', text: string): QueueEffect {
  return { type: 'log', level, id: change.id, text: `${change.group}: that it is ${change.state} here ${text}` };
}
