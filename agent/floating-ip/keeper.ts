import type { Ownership } from '../ownership/index.ts';
import { backoffMs } from './backoff.ts';
import type { Assigned, Failure, Looked } from './provider.ts';

// Keeps one address with the owner of its group. Pure: `step` decides, the shell calls the cloud. Every step is told who
// owns the group at that moment, so that no effect asks the cloud anything for a node that does not.

export type Now = {
  /** On a clock that only goes forward. */
  readonly ms: number;
  /** 0..1, for this step alone. */
  readonly random: number;
  /** Read in the same turn of the event loop in which the effects are performed; undefined: this node does not own the group. */
  readonly ownership: Ownership | undefined;
};

export type KeeperEvent =
  /** A time has come. */
  | { readonly kind: 'awake' }
  /** The engine has something new: another owner, or a conflict that this node has won. */
  | { readonly kind: 'nudged' }
  | { readonly kind: 'looked'; readonly call: number; readonly result: Looked }
  | { readonly kind: 'assigned'; readonly call: number; readonly result: Assigned };

export type Effect =
  /** Whatever is under way is of no use any more. */
  | { readonly kind: 'abandon' }
  | { readonly kind: 'look'; readonly call: number; readonly counter: number }
  | { readonly kind: 'assign'; readonly call: number; readonly counter: number }
  | { readonly kind: 'info' | 'warn'; readonly text: string };

export type KeeperState = Idle | Owning;

/** `calls` counts the questions to the cloud, each of which has its number. */
type Idle = { readonly phase: 'idle'; readonly calls: number };

type Owning = {
  readonly calls: number;
  readonly counter: number;
  readonly known: Known;
  /** In a row. */
  readonly failures: number;
  /** When the cloud last said that it has done what we asked for; null: it has not in this term. */
  readonly assignedMs: number | null;
  /** How often it has said so since the address was last seen to be ours. */
  readonly inVain: number;
} & ({ readonly phase: 'looking' | 'assigning' } | { readonly phase: 'waiting'; readonly untilMs: number });

type Known =
  | { readonly state: 'unknown'; readonly detail: string | null }
  /** `doubted`: another owner may have moved it since. */
  | { readonly state: 'mine'; readonly doubted: boolean }
  | { readonly state: 'elsewhere'; readonly detail: string };

export type Step = { readonly state: KeeperState; readonly effects: readonly Effect[] };

export const START: KeeperState = { phase: 'idle', calls: 0 };

/** Another owner's last request may reach the cloud after our first look: the second one comes early. */
const EARLY_VERIFY_MS = 5_000;
/**
 * A cloud that has assigned may still answer a look from before (EC2 says so): it is not asked again at once, and later
 * and later if nothing comes of it.
 */
const SETTLE_MS = 15_000;
const SETTLE_DOUBLINGS_MAX = 4;
const SETTLE_STEP_MS = 2_000;
/** Asking who owns costs nothing; a nudge that was lost costs no more than this. */
const IDLE_MS = 1_000;

/** One event. `verifyIntervalMs` is the time from one look to the next while all is well. */
export function step(state: KeeperState, event: KeeperEvent, now: Now, verifyIntervalMs: number): Step {
  const { ownership } = now;
  if (ownership === undefined) {
    if (state.phase === 'idle') return { state, effects: [] };
    return { state: { phase: 'idle', calls: state.calls }, effects: [{ kind: 'abandon' }] };
  }
  if (state.phase === 'idle' || state.counter !== ownership.counter) return begin(state, ownership.counter);
  switch (event.kind) {
    case 'awake':
      return state.phase === 'waiting' && now.ms >= state.untilMs ? look(state, []) : { state, effects: [] };
    case 'nudged':
      return doubt(state);
    case 'looked':
      return state.phase === 'looking' && event.call === state.calls
        ? afterLook(state, event.result, now, verifyIntervalMs)
        : { state, effects: [] };
    case 'assigned':
      return state.phase === 'assigning' && event.call === state.calls
        ? afterAssign(state, event.result, now)
        : { state, effects: [] };
  }
}

/** When to step next if nothing happens; undefined: what is under way will report. */
export function deadlineMs(state: KeeperState, nowMs: number): number | undefined {
  switch (state.phase) {
    case 'idle':
      return nowMs + IDLE_MS;
    case 'waiting':
      return state.untilMs;
    case 'looking':
    case 'assigning':
      return undefined;
  }
}

/** What is known of the address, for a status. */
export function view(state: KeeperState): {
  readonly state: 'mine' | 'elsewhere' | 'unknown' | 'idle';
  readonly detail: string | null;
} {
  if (state.phase === 'idle') return { state: 'idle', detail: null };
  const { known } = state;
  return { state: known.state, detail: known.state === 'mine' ? null : known.detail };
}

/** A new term: nothing that was known or under way in another one counts. */
function begin(former: KeeperState, counter: number): Step {
  const known: Known = { state: 'unknown', detail: null };
  const fresh: Owning = {
    phase: 'looking',
    calls: former.calls,
    counter,
    known,
    failures: 0,
    assignedMs: null,
    inVain: 0,
  };
  return look(fresh, former.phase === 'idle' ? [] : [{ kind: 'abandon' }]);
}

/** Another owner may have moved the address. What is under way goes on, and the cloud is not hurried where it has failed. */
function doubt(state: Owning): Step {
  const doubted: Owning = state.known.state === 'mine' ? { ...state, known: { state: 'mine', doubted: true } } : state;
  const mayLook = doubted.phase === 'waiting' && doubted.failures === 0;
  return mayLook ? look(doubted, []) : { state: doubted, effects: [] };
}

function look(state: Owning, before: readonly Effect[]): Step {
  const call = state.calls + 1;
  return {
    state: { ...state, phase: 'looking', calls: call },
    effects: [...before, { kind: 'look', call, counter: state.counter }],
  };
}

function afterLook(state: Owning, result: Looked, now: Now, verifyIntervalMs: number): Step {
  switch (result.kind) {
    case 'failed':
      return failed(state, result, now);
    case 'mine': {
      const isNews = state.known.state !== 'mine' || state.known.doubted;
      const waitMs = isNews ? Math.min(EARLY_VERIFY_MS, verifyIntervalMs) : verifyIntervalMs;
      const effects: Effect[] = state.known.state === 'mine' ? [] : [{ kind: 'info', text: 'the address is ours' }];
      const settled: Owning = { ...state, known: { state: 'mine', doubted: false }, failures: 0, inVain: 0 };
      return { state: wait(settled, now.ms + waitMs), effects };
    }
    case 'elsewhere':
      return afterElsewhere(state, result.holder, now);
  }
}

function afterElsewhere(state: Owning, holder: string | null, now: Now): Step {
  const detail = holder === null ? 'the address is nowhere' : `the address is at ${holder}`;
  const seen: Owning = { ...state, known: { state: 'elsewhere', detail } };
  if (isSettling(state, now)) return { state: wait(seen, now.ms + SETTLE_STEP_MS), effects: [] };
  const again = state.known.state === 'mine' || state.assignedMs !== null;
  const call = state.calls + 1;
  return {
    state: { ...seen, phase: 'assigning', calls: call },
    effects: [
      { kind: again ? 'warn' : 'info', text: `${detail}; it is assigned to this node${again ? ' again' : ''}` },
      { kind: 'assign', call, counter: state.counter },
    ],
  };
}

function isSettling({ known, assignedMs, inVain }: Owning, now: Now): boolean {
  if (known.state === 'mine' || assignedMs === null) return false;
  return now.ms - assignedMs < SETTLE_MS * 2 ** Math.min(Math.max(inVain - 1, 0), SETTLE_DOUBLINGS_MAX);
}

/** The cloud's word is not enough: another look tells. */
function afterAssign(state: Owning, result: Assigned, now: Now): Step {
  if (result.kind === 'failed') return failed(state, result, now);
  return look({ ...state, assignedMs: now.ms, inVain: state.inVain + 1 }, []);
}

function failed(state: Owning, { text, retryable, afterMs }: Failure, now: Now): Step {
  const failures = state.failures + 1;
  const waitMs = backoffMs(failures, retryable, afterMs, now.random);
  const same = state.failures > 0 && state.known.state === 'unknown' && state.known.detail === text;
  const until = `the next try is in ${Math.ceil(waitMs / 1_000)} s`;
  return {
    state: wait({ ...state, failures, known: { state: 'unknown', detail: text } }, now.ms + waitMs),
    effects: same ? [] : [{ kind: 'warn', text: `${text}; ${until}` }],
  };
}

function wait(state: Owning, untilMs: number): Owning {
  const { calls, counter, known, failures, assignedMs, inVain } = state;
  return { phase: 'waiting', untilMs, calls, counter, known, failures, assignedMs, inVain };
}
