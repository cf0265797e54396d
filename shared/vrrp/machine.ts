/**
 * The state machine of one virtual router: RFC 9568 section 6.4, for version 2 RFC 3768 section 6.4.
 *
 * Theory of operation. A router is Initialize, Backup or Active. An *event* comes in (`RouterEvent`); `occurrenceOf`
 * names what it means in this state: an advertisement heard by a Backup is a `release`, `accepted`, `tolerated` or
 * `inferior` one. That name and the state select one row of TABLE, and the row is all there is to know: the next state,
 * what its one timer is set to, and the effects, in the order in which the caller performs them. No row: nothing
 * happens. A timer is a deadline in the state; a timer event before it is stale, and nothing happens either.
 *
 * Where the RFCs leave the order or the answer open:
 * - Promotion: advertisement, addresses, announcement. The former Active Router withdraws its addresses when it hears
 *   the advertisement, so it goes first (keepalived's order).
 * - Demotion and shutdown: the addresses go before anything is said, so that nobody takes over while we still answer.
 * - An equal-priority advertisement from our own address is an echo or a copied configuration: answering it, as section
 *   6.4.3 would have it, makes it an endless storm.
 * - An Active Router that hears an inferior one announces its addresses again: hosts may have learned the other's.
 * - `preemptDelayUs`: while it runs, a Backup takes lower-priority advertisements as good ones. It starts with the first
 *   of them and ends with one that is not lower (keepalived's meaning). Without an Active Router there is no delay.
 * - The owner (priority 255) always preempts, and at once.
 */
import { compareAddresses } from './address.ts';
import {
  type DiscardReason,
  INITIALIZE,
  type Occurrence,
  type RouterEffect,
  type RouterEvent,
  type RouterParameters,
  type RouterState,
} from './router.ts';
import { activeDownIntervalUs, OWNER_PRIORITY, RELEASE_PRIORITY, skewTimeUs } from './timers.ts';

type Action = 'advertise' | 'release' | 'add' | 'remove' | 'announce-new' | 'announce-again' | 'adopt' | DiscardReason;

/** `down`, `skew`, `advertisement`: that long from now; `next`: one interval after the one that was due. */
type TimedRow = { readonly perform: readonly Action[] } & (
  | { readonly to: 'backup'; readonly timer: 'keep' | 'down' | 'skew' }
  | { readonly to: 'active'; readonly timer: 'keep' | 'advertisement' | 'next' }
);
type Row = TimedRow | { readonly to: 'initialize'; readonly perform: readonly Action[] };

const PROMOTION: Row = { to: 'active', timer: 'advertisement', perform: ['advertise', 'add', 'announce-new'] };

const TABLE: { readonly [State in RouterState['kind']]: { readonly [Cause in Occurrence]?: Row } } = {
  // RFC 9568 section 6.4.1
  initialize: {
    'startup-as-owner': PROMOTION,
    startup: { to: 'backup', timer: 'down', perform: [] },
  },
  // RFC 9568 section 6.4.2
  backup: {
    shutdown: { to: 'initialize', perform: [] },
    'timer-expired': PROMOTION,
    'group-active': PROMOTION,
    'group-waits': { to: 'backup', timer: 'down', perform: [] },
    'interval-mismatch': { to: 'backup', timer: 'keep', perform: ['interval-mismatch'] },
    release: { to: 'backup', timer: 'skew', perform: [] },
    accepted: { to: 'backup', timer: 'down', perform: ['adopt'] },
    tolerated: { to: 'backup', timer: 'down', perform: ['adopt'] },
    inferior: { to: 'backup', timer: 'keep', perform: ['inferior'] },
  },
  // RFC 9568 section 6.4.3
  active: {
    shutdown: { to: 'initialize', perform: ['remove', 'release'] },
    'group-backup': { to: 'backup', timer: 'down', perform: ['remove', 'release'] },
    'timer-expired': { to: 'active', timer: 'next', perform: ['advertise'] },
    'interval-mismatch': { to: 'active', timer: 'keep', perform: ['interval-mismatch'] },
    release: { to: 'active', timer: 'advertisement', perform: ['advertise'] },
    superior: { to: 'backup', timer: 'down', perform: ['remove', 'adopt'] },
    inferior: { to: 'active', timer: 'keep', perform: ['inferior', 'advertise', 'announce-again'] },
    'inferior-version-2': { to: 'active', timer: 'keep', perform: ['inferior', 'announce-again'] },
    'own-address': { to: 'active', timer: 'keep', perform: ['own-address'] },
  },
};

/** When this state wants its `timer` event, on the clock of `nowUs`; `undefined`: never. */
export function nextDeadlineUs(state: RouterState): number | undefined {
  return state.kind === 'initialize' ? undefined : state.deadlineUs;
}

/**
 * One event. `nowUs` is any clock that never goes back and counts suspend. An advertisement has been decoded, and its
 * version, family and virtual router id are this router's. Throws only on a bug of the caller (a source of another
 * family).
 */
export function step(
  router: RouterParameters,
  state: RouterState,
  event: RouterEvent,
  nowUs: number,
): { readonly state: RouterState; readonly effects: readonly RouterEffect[] } {
  const cause = occurrenceOf(router, state, event, nowUs);
  const row = cause === undefined ? undefined : TABLE[state.kind][cause];
  if (cause === undefined || row === undefined) return { state, effects: [] };

  const knownIntervalUs = state.kind === 'backup' ? state.activeIntervalUs : router.intervalUs;
  const heardIntervalUs = event.kind === 'advertisement' ? event.intervalUs : knownIntervalUs;
  const activeIntervalUs = row.perform.includes('adopt') ? heardIntervalUs : knownIntervalUs;
  const next = nextState(router, state, row, cause, activeIntervalUs, nowUs);

  const effects: RouterEffect[] = [];
  for (const action of row.perform) {
    // Every version 2 advertisement that gets this far has our own interval: nothing to adopt.
    if (action !== 'adopt') effects.push(effectOf(action, router));
    else if (heardIntervalUs !== knownIntervalUs) effects.push({ kind: 'adopt-interval', intervalUs: heardIntervalUs });
  }
  if (next.kind !== state.kind) effects.push({ kind: 'change-state', from: state.kind, to: next.kind, cause });
  return { state: next, effects };
}

function occurrenceOf(
  router: RouterParameters,
  state: RouterState,
  event: RouterEvent,
  nowUs: number,
): Occurrence | undefined {
  switch (event.kind) {
    case 'startup':
      return router.priority === OWNER_PRIORITY ? 'startup-as-owner' : 'startup';
    case 'shutdown':
    case 'group-active':
    case 'group-backup':
    case 'group-waits':
      return event.kind;
    case 'timer':
      return nowUs >= (nextDeadlineUs(state) ?? Number.POSITIVE_INFINITY) ? 'timer-expired' : undefined;
    case 'advertisement':
      if (state.kind === 'initialize') return undefined;
      if (router.version === 2 && event.intervalUs !== router.intervalUs) return 'interval-mismatch';
      if (event.priority === RELEASE_PRIORITY) return 'release';
      if (state.kind === 'backup') return heardByBackup(router, state.preemptAtUs, event.priority, nowUs);
      return heardByActive(router, event.priority, event.source);
  }
}

/** A Backup compares priorities only, never addresses (RFC 9568 section 6.4.2). */
function heardByBackup(
  router: RouterParameters,
  preemptAtUs: number | undefined,
  priority: number,
  nowUs: number,
): Occurrence {
  if (priority >= router.priority) return 'accepted';
  if (router.priority === OWNER_PRIORITY) return 'inferior';
  if (!router.preempt) return 'accepted';
  const delayRuns = router.preemptDelayUs > 0 && (preemptAtUs === undefined || nowUs < preemptAtUs);
  return delayRuns ? 'tolerated' : 'inferior';
}

function heardByActive(router: RouterParameters, priority: number, source: Uint8Array): Occurrence {
  const order = priority - router.priority || compareAddresses(source, router.primaryAddress);
  if (order === 0) return 'own-address';
  if (order > 0) return 'superior';
  return router.version === 2 ? 'inferior-version-2' : 'inferior';
}

function nextState(
  router: RouterParameters,
  state: RouterState,
  row: Row,
  cause: Occurrence,
  activeIntervalUs: number,
  nowUs: number,
): RouterState {
  if (row.to === 'initialize') return INITIALIZE;
  const deadlineUs = deadlineOf(router, state, row, activeIntervalUs, nowUs);
  if (row.to === 'active') return { kind: 'active', deadlineUs };

  const startedUs = state.kind === 'backup' ? state.preemptAtUs : undefined;
  const tolerated = cause === 'tolerated' ? (startedUs ?? nowUs + router.preemptDelayUs) : startedUs;
  const preemptAtUs = cause === 'accepted' ? undefined : tolerated;
  return { kind: 'backup', deadlineUs, activeIntervalUs, preemptAtUs };
}

function deadlineOf(
  router: RouterParameters,
  state: RouterState,
  row: TimedRow,
  activeIntervalUs: number,
  nowUs: number,
): number {
  const dueUs = nextDeadlineUs(state) ?? nowUs;
  switch (row.timer) {
    case 'keep':
      return dueUs;
    case 'advertisement':
      return nowUs + router.intervalUs;
    case 'next': {
      // From the due time, so that late wake-ups do not add up; from now after a pause, so that nothing is made up for.
      const onScheduleUs = dueUs + router.intervalUs;
      return onScheduleUs > nowUs ? onScheduleUs : nowUs + router.intervalUs;
    }
    case 'down':
      return nowUs + activeDownIntervalUs(router.version, router.priority, activeIntervalUs);
    case 'skew':
      return nowUs + skewTimeUs(router.version, router.priority, activeIntervalUs);
  }
}

function effectOf(action: Exclude<Action, 'adopt'>, router: RouterParameters): RouterEffect {
  switch (action) {
    case 'advertise':
      return { kind: 'send-advertisement', priority: router.priority };
    case 'release':
      return { kind: 'send-advertisement', priority: RELEASE_PRIORITY };
    case 'add':
      return { kind: 'add-addresses' };
    case 'remove':
      return { kind: 'remove-addresses' };
    case 'announce-new':
      return { kind: 'announce', cause: 'promotion' };
    case 'announce-again':
      return { kind: 'announce', cause: 'conflict' };
    case 'interval-mismatch':
    case 'inferior':
    case 'own-address':
      return { kind: 'discard', reason: action };
  }
}
