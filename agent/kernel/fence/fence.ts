import { boottimeUs } from '../clock.ts';
import { lifetimeMs, STEP_MS, sentinelMs } from './arithmetic.ts';
import { type FenceConfig, type FencedGroup, problemIn } from './config.ts';
import { SELF_TEST } from './lease-chains.ts';
import { LeaseChannel } from './lease-channel.ts';
import { HELD_PER_PACKET, LEASES_PER_PACKET, type LeaseAct, SELF_TEST_GROUP } from './lease-packet.ts';
import type { LeaseSocket } from './lease-socket.ts';
import { lifetimesMs, listedTogether, stepOf, togetherLifetimesMs } from './lifetimes.ts';
import type { Nftables, NftResult } from './nftables.ts';
import { waitForPacketsInFlight } from './rcu.ts';
import type { FenceLevel, Tables } from './tables.ts';

/**
 * The outcome of `open` and `refresh`. Unless confirmed, this node is not the owner and must step down.
 *
 * - `lease_too_short`: the lease ends too soon for any lifetime; nothing was changed.
 * - `expired`: the group is not open (any more); only a new lease and `open` can follow.
 * - `not_armed`: the sentinel did not come back; nothing was changed, trying again is safe.
 * - `not_confirmed`: the act may or may not have taken effect, or may yet. Call `close`.
 * - `unsettled`: an earlier act of this group was `not_confirmed`, and `close` has not been called since.
 */
export type FenceAct =
  | { readonly confirmed: true; readonly expiresAtUs: number }
  | {
      readonly confirmed: false;
      readonly reason: 'lease_too_short' | 'expired' | 'not_armed' | 'not_confirmed' | 'unsettled';
      readonly text: string;
    };

/**
 * The outcome of `refreshHeld`.
 *
 * - `late`: the time was up before the kernel was asked; nothing was changed.
 * - `refused`: at least one of them was not refreshed, and nobody knows which. Refresh each alone.
 */
export type HeldRefresh = 'confirmed' | 'late' | 'refused';

/**
 * The outcome of `close`. `replacement`: the tables had to be made anew, and that closed `alsoClosed` too. Not
 * confirmed: the kernel may go on answering, at the latest until `openUntilUs` if the tables are still there.
 */
export type FenceClose =
  | { readonly confirmed: true; readonly by: 'packet' }
  | { readonly confirmed: true; readonly by: 'replacement'; readonly alsoClosed: readonly number[] }
  | { readonly confirmed: false; readonly text: string };

/** The kernel's enforcement of the leases of this host's groups (DESIGN section 4). Times are CLOCK_BOOTTIME. */
export interface Fence {
  readonly level: FenceLevel;
  /** Lets the host answer for the group, to the end of the lease at most (Infinity for a held group, which has none). `expiresAtUs`: closed by then, by itself. */
  open(groupId: number, leaseEndUs: number): FenceAct;
  /** As `open`, but only while the group is open. */
  refresh(groupId: number, leaseEndUs: number): FenceAct;
  /**
   * As `refresh` for many groups (their leases' ends by their numbers), by one act for up to `LEASES_PER_PACKET` of those whose
   * leases have about as long to go. Returns of those that the kernel confirmed when they are closed by themselves; whoever is
   * missing is to be refreshed alone.
   */
  refreshTogether(leases: ReadonlyMap<number, number>): ReadonlyMap<number, number>;
  /** After a confirmed close the kernel answers for the group no more, and no earlier act can open it again. */
  close(groupId: number): FenceClose;
  /** No later than then the kernel closes the group by itself; undefined while it is closed. */
  openUntilUs(groupId: number): number | undefined;
  /** Whether both tables still act on lease packets. Costs about 20 µs; up to 20 ms if they do not. */
  isIntact(): boolean;
  /** Opens, refreshes and closes the group of the self-test, which has no addresses: what has run stays compiled. */
  rehearse(): void;
  /** Makes the tables anew, every group closed: when `isIntact` says no. */
  recreate(): NftResult;
  /** Covers an interface that has come, or come again. */
  addInterface(name: string): NftResult;
  /**
   * Makes the fence what `config` wants, at once or not at all: a group that is open stays open, for no longer than it was; what it
   * has more hangs on the same lease, what it has withdrawn is closed. A group that is missing must be closed.
   */
  change(config: FenceConfig): NftResult;
  /** Takes the tables away. Only when the agent leaves and the groups' addresses are gone. */
  remove(): NftResult;
}

/** A fence that has held groups too. */
export interface HoldingFence extends Fence {
  /**
   * As `refresh` for up to `HELD_PER_PACKET` held groups by one act, which takes effect by `notAfterUs` and a sentinel's time
   * (three kernel ticks) or not at all.
   */
  refreshHeld(groupIds: readonly number[], notAfterUs: number): HeldRefresh;
}

// Long enough for a busy ksoftirqd; a lease packet normally takes some 20 µs.
const CLOSE_WAIT_MS = 20;

// On a starved CPU a pause falls between ARM and REFRESH now and then, and the sentinel does its work. Trying once more
// keeps the owner; each attempt has its own sentinel and clock reading, so each ends by the lease's end.
const ATTEMPTS = 2;

/** After so many acts for many that were refused, the rest is left to `refresh`. */
const REFUSALS_MAX = 2;

// By then the sentinel is long gone, and no CPU can still be working on the packet.
const SETTLED_AFTER_US = 2_000_000;

const REHEARSED_LEASE_US = 1_000_000;

/** Named by whoever armed it: a group for itself, or group 0 for many. */
interface Sentinel {
  readonly groupId: number;
  readonly nonce: number;
}

interface GroupState {
  readonly id: number;
  readonly config: FencedGroup;
  readonly sentinelMs: number;
  readonly ladderMs: readonly number[];
  openUntilUs: number | undefined;
  /** Sentinels of OPENs and REFRESHes that were sent and did not come back: they may still be queued on some CPU. */
  unsettled: readonly { readonly sentinel: Sentinel; readonly sinceUs: number }[];
  /** The last act was not confirmed. */
  mustClose: boolean;
}

interface OwnedLease {
  readonly group: GroupState;
  readonly leaseEndUs: number;
}

/** An act for many groups, and the lifetime that it gives to each. */
interface ListedRefresh {
  readonly act: LeaseAct;
  readonly lifetimeMsOf: (group: FencedGroup) => number;
}

export interface FenceParts {
  readonly groups: readonly FencedGroup[];
  readonly kernelTickUs: number;
  readonly level: FenceLevel;
  readonly nftables: Nftables;
  readonly socket: LeaseSocket;
  readonly tables: Tables;
  readonly channel: LeaseChannel;
}

export class KernelFence implements HoldingFence {
  readonly level: FenceLevel;
  readonly #parts: FenceParts;
  #groups: ReadonlyMap<number, GroupState>;
  #channel: LeaseChannel;
  /** How many groups a packet lists that refreshes several leases. */
  #listed: number;
  readonly #togetherLadderMs: readonly number[];

  constructor(parts: FenceParts) {
    this.level = parts.level;
    this.#parts = parts;
    this.#channel = parts.channel;
    this.#listed = listedTogether(parts.groups);
    this.#togetherLadderMs = togetherLifetimesMs(parts.kernelTickUs);
    this.#groups = new Map(parts.groups.map((group) => [group.id, initialState(group, parts.kernelTickUs)]));
  }

  open(groupId: number, leaseEndUs: number): FenceAct {
    return this.#extend('open', this.#group(groupId), leaseEndUs);
  }

  refresh(groupId: number, leaseEndUs: number): FenceAct {
    const group = this.#group(groupId);
    if (!group.mustClose && !this.#mayBeOpen(group)) {
      return { confirmed: false, reason: 'expired', text: `the fence of group ${groupId} is not open` };
    }
    return this.#extend('refresh', group, leaseEndUs);
  }

  refreshHeld(groupIds: readonly number[], notAfterUs: number): HeldRefresh {
    const groups = groupIds.map((id) => this.#group(id));
    if (groups.length > HELD_PER_PACKET) throw new RangeError(`${groups.length} groups are too many for one act`);
    const nowUs = boottimeUs();
    // Whoever must be closed first, or is closed, is for `refresh` to say.
    if (!groups.every((group) => isRefreshable(group, nowUs))) return 'refused';
    const refreshed = this.#refreshListed(groups, (armedUs) =>
      armedUs > notAfterUs ? undefined : { act: { kind: 'refresh-held', groupIds }, lifetimeMsOf: heldMsOf },
    );
    return typeof refreshed === 'string' ? refreshed : 'confirmed';
  }

  refreshTogether(leases: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
    const refreshed = new Map<number, number>();
    let refusals = 0;
    for (const listed of this.#alike(leases)) {
      const groups = listed.map(({ group }) => group);
      const leaseEndUs = Math.min(...listed.map((lease) => lease.leaseEndUs));
      const outcome = this.#refreshListed(groups, (armedUs) => this.#togetherUntil(leaseEndUs, armedUs, groups));
      if (typeof outcome !== 'string') for (const group of groups) refreshed.set(group.id, outcome.expiresAtUs(group));
      else if (outcome === 'refused') refusals += 1;
      // Each has cost a sentinel's time, and with the tables gone none would be taken.
      if (refusals >= REFUSALS_MAX) break;
    }
    return refreshed;
  }

  close(groupId: number): FenceClose {
    const group = this.#group(groupId);
    const unsettled = group.unsettled.map(({ sentinel }) => sentinel);
    const own = () => ({ groupId: group.id, nonce: this.#channel.nextNonce() });
    const sentinels = unsettled.length === 0 ? [own()] : unsettled;
    if (!sentinels.every((sentinel) => this.#closeByPacket(sentinel))) return this.#closeByReplacement(group);
    // The first CLOSE took the sentinels away, so what is still queued is refused. But a CPU may have been between a
    // sentinel and the elements just then: let it finish, and close what it opened.
    if (unsettled.length > 0) {
      const settled = waitForPacketsInFlight() && this.#closeByPacket(own());
      if (!settled) return this.#closeByReplacement(group);
    }
    markClosed(group);
    return { confirmed: true, by: 'packet' };
  }

  openUntilUs(groupId: number): number | undefined {
    const group = this.#group(groupId);
    return this.#mayBeOpen(group) ? group.openUntilUs : undefined;
  }

  isIntact(): boolean {
    const nonce = this.#channel.nextNonce();
    return this.#channel.perform(SELF_TEST_GROUP, nonce, { kind: 'arm' }, CLOSE_WAIT_MS).returned;
  }

  rehearse(): void {
    const group = initialState(SELF_TEST, this.#parts.kernelTickUs);
    const leaseEndUs = boottimeUs() + REHEARSED_LEASE_US;
    this.#extend('open', group, leaseEndUs);
    this.#extend('refresh', group, leaseEndUs);
    this.#closeByPacket({ groupId: group.id, nonce: this.#channel.nextNonce() });
  }

  recreate(): NftResult {
    const installed = this.#parts.tables.install();
    if (!installed.ok) return installed;
    this.#channel = new LeaseChannel(this.#parts.socket, installed.secret);
    for (const group of this.#groups.values()) markClosed(group);
    return { ok: true };
  }

  addInterface(name: string): NftResult {
    return this.#parts.tables.addInterface(name);
  }

  change(config: FenceConfig): NftResult {
    const problem = problemIn(config);
    if (problem !== undefined) return { ok: false, text: problem };
    const kept = new Set(config.groups.map(({ id }) => id));
    const open = [...this.#groups.values()].find((group) => !kept.has(group.id) && this.#mayBeOpen(group));
    if (open !== undefined) return { ok: false, text: `the fence of group ${open.id} is open still` };
    const changed = this.#parts.tables.change(config);
    if (!changed.ok) return changed;
    const { kernelTickUs } = this.#parts;
    this.#listed = listedTogether(config.groups);
    this.#groups = new Map(
      config.groups.map((group) => {
        const former = this.#groups.get(group.id);
        const made = initialState(group, kernelTickUs);
        if (former === undefined) return [group.id, made];
        const { openUntilUs, unsettled, mustClose } = former;
        return [group.id, { ...made, openUntilUs, unsettled, mustClose }];
      }),
    );
    return changed;
  }

  remove(): NftResult {
    const removed = this.#parts.tables.remove();
    if (!removed.ok) return removed;
    this.#parts.socket.close();
    this.#parts.nftables.free();
    return removed;
  }

  /** Those that may be refreshed, a list for each packet: of the same lifetime as things stand, for a packet has one for all. */
  #alike(leases: ReadonlyMap<number, number>): OwnedLease[][] {
    const alike = new Map<number, OwnedLease[]>();
    if (this.#listed === 0) return [];
    const nowUs = boottimeUs();
    for (const [groupId, leaseEndUs] of leases) {
      const group = this.#group(groupId);
      const lifetime = this.#togetherLifetimeMs(leaseEndUs, nowUs);
      if (lifetime === undefined || group.config.heldMs !== undefined || !isSurelyRefreshable(group, nowUs)) continue;
      const others = alike.get(lifetime);
      if (others === undefined) alike.set(lifetime, [{ group, leaseEndUs }]);
      else others.push({ group, leaseEndUs });
    }
    return [...alike.values()].flatMap(inPackets).filter((listed) => listed.length > 1);
  }

  #togetherLifetimeMs(leaseEndUs: number, armedUs: number): number | undefined {
    const { kernelTickUs } = this.#parts;
    const question = { leaseEndUs, armedUs, sentinelMs: sentinelMs(0, kernelTickUs), kernelTickUs };
    return lifetimeMs(this.#togetherLadderMs, question);
  }

  #togetherUntil(leaseEndUs: number, armedUs: number, groups: readonly GroupState[]): ListedRefresh | undefined {
    const lifetime = this.#togetherLifetimeMs(leaseEndUs, armedUs);
    const [first] = groups;
    if (lifetime === undefined || first === undefined) return undefined;
    const groupIds = Array.from({ length: this.#listed }, (_, slot) => (groups[slot] ?? first).id);
    return {
      act: { kind: 'refresh-together', step: lifetime / STEP_MS, groupIds },
      lifetimeMsOf: () => lifetime,
    };
  }

  /** By a sentinel of group 0. `refreshOf` is asked once that is there: undefined, it has become too late. */
  #refreshListed(
    groups: readonly GroupState[],
    refreshOf: (armedUs: number) => ListedRefresh | undefined,
  ): { readonly expiresAtUs: (group: GroupState) => number } | 'late' | 'refused' {
    const waitMs = sentinelMs(0, this.#parts.kernelTickUs);
    const sentinel = { groupId: SELF_TEST_GROUP, nonce: this.#channel.nextNonce() };
    const armed = this.#channel.perform(sentinel.groupId, sentinel.nonce, { kind: 'arm' }, waitMs);
    if (!armed.returned) return 'refused';
    const armedUs = boottimeUs();
    const refresh = refreshOf(armedUs);
    if (refresh === undefined) return 'late';
    const expiresAtUs = ({ config }: GroupState) => armedUs + (waitMs + refresh.lifetimeMsOf(config)) * 1000;
    for (const group of groups) group.openUntilUs = Math.max(group.openUntilUs ?? 0, expiresAtUs(group));
    const acted = this.#channel.perform(sentinel.groupId, sentinel.nonce, refresh.act, waitMs);
    for (const group of groups) {
      group.unsettled = group.unsettled.filter(({ sinceUs }) => armedUs < sinceUs + SETTLED_AFTER_US);
      if (acted.returned) settle(group, expiresAtUs(group));
      else group.unsettled = [...group.unsettled, { sentinel, sinceUs: armedUs }];
    }
    return acted.returned ? { expiresAtUs } : 'refused';
  }

  #extend(kind: 'open' | 'refresh', group: GroupState, leaseEndUs: number): FenceAct {
    if (group.mustClose) {
      return { confirmed: false, reason: 'unsettled', text: `group ${group.id} must be closed first` };
    }
    group.unsettled = group.unsettled.filter(({ sinceUs }) => boottimeUs() < sinceUs + SETTLED_AFTER_US);
    const attempts: FenceAct[] = [];
    let act: FenceAct;
    do {
      act = this.#attempt(kind, group, leaseEndUs);
      attempts.push(act);
    } while (attempts.length < ATTEMPTS && maySucceedAgain(act));
    if (act.confirmed) return act;
    // Whatever came of the last attempt, an earlier one may have changed something.
    const unconfirmed = attempts.find((attempt) => !attempt.confirmed && attempt.reason === 'not_confirmed');
    group.mustClose = unconfirmed !== undefined;
    return unconfirmed ?? act;
  }

  #attempt(kind: 'open' | 'refresh', group: GroupState, leaseEndUs: number): FenceAct {
    if (this.#lifetimeMs(group, leaseEndUs, boottimeUs()) === undefined) return leaseTooShort(group);
    const nonce = this.#channel.nextNonce();
    const armed = this.#channel.perform(group.id, nonce, { kind: 'arm' }, group.sentinelMs);
    if (!armed.returned) return { confirmed: false, reason: 'not_armed', text: `ARM: ${armed.text}` };

    const armedUs = boottimeUs();
    const lifetime = this.#lifetimeMs(group, leaseEndUs, armedUs);
    if (lifetime === undefined) return leaseTooShort(group);
    const expiresAtUs = armedUs + (group.sentinelMs + lifetime) * 1000;
    group.openUntilUs = Math.max(group.openUntilUs ?? 0, expiresAtUs);
    const acted = this.#channel.perform(
      group.id,
      nonce,
      { kind, step: stepOf(group.config, lifetime) },
      group.sentinelMs,
    );
    if (!acted.returned) {
      group.unsettled = [...group.unsettled, { sentinel: { groupId: group.id, nonce }, sinceUs: armedUs }];
      return { confirmed: false, reason: 'not_confirmed', text: `${kind.toUpperCase()}: ${acted.text}` };
    }
    settle(group, expiresAtUs);
    return { confirmed: true, expiresAtUs: group.openUntilUs };
  }

  #lifetimeMs(group: GroupState, leaseEndUs: number, armedUs: number): number | undefined {
    const { kernelTickUs } = this.#parts;
    return lifetimeMs(group.ladderMs, { leaseEndUs, armedUs, sentinelMs: group.sentinelMs, kernelTickUs });
  }

  #closeByPacket({ groupId, nonce }: Sentinel): boolean {
    return this.#channel.perform(groupId, nonce, { kind: 'close' }, CLOSE_WAIT_MS).returned;
  }

  // Flushing the sets would not do: a CLOSE that did not come back may mean that the rules themselves are gone.
  #closeByReplacement(group: GroupState): FenceClose {
    const others = [...this.#groups.values()].filter((other) => other !== group && this.#mayBeOpen(other));
    const replaced = this.recreate();
    if (!replaced.ok) return { confirmed: false, text: `group ${group.id} cannot be closed: ${replaced.text}` };
    return { confirmed: true, by: 'replacement', alsoClosed: others.map((other) => other.id) };
  }

  #mayBeOpen(group: GroupState): boolean {
    return mayBeOpen(group, boottimeUs());
  }

  #group(groupId: number): GroupState {
    const group = this.#groups.get(groupId);
    if (group === undefined) throw new Error(`the fence was installed without group ${groupId}`);
    return group;
  }
}

function initialState(group: FencedGroup, kernelTickUs: number): GroupState {
  return {
    id: group.id,
    config: group,
    sentinelMs: sentinelMs(group.intervalUs, kernelTickUs),
    ladderMs: lifetimesMs(group, kernelTickUs),
    openUntilUs: undefined,
    unsettled: [],
    mustClose: false,
  };
}

function mayBeOpen({ openUntilUs }: GroupState, nowUs: number): boolean {
  return openUntilUs !== undefined && nowUs < openUntilUs;
}

function isRefreshable(group: GroupState, nowUs: number): boolean {
  return !group.mustClose && mayBeOpen(group, nowUs);
}

/** For an act that fails for all if it does for one. The kernel may have closed a sentinel's time before `openUntilUs`. */
function isSurelyRefreshable(group: GroupState, nowUs: number): boolean {
  return group.unsettled.length === 0 && isRefreshable(group, nowUs + group.sentinelMs * 1000);
}

/** The act was confirmed. An unsettled one may still take effect after it, up to its own bound. */
function settle(group: GroupState, expiresAtUs: number): void {
  if (group.unsettled.length === 0) group.openUntilUs = expiresAtUs;
}

function inPackets(leases: readonly OwnedLease[]): OwnedLease[][] {
  const packets = Math.ceil(leases.length / LEASES_PER_PACKET);
  return Array.from({ length: packets }, (_, packet) =>
    leases.slice(packet * LEASES_PER_PACKET, (packet + 1) * LEASES_PER_PACKET),
  );
}

function heldMsOf({ id, heldMs }: FencedGroup): number {
  if (heldMs === undefined) throw new Error(`group ${id} has a lease: it is not held`);
  return heldMs;
}

function markClosed(group: GroupState): void {
  group.openUntilUs = undefined;
  group.unsettled = [];
  group.mustClose = false;
}

function maySucceedAgain(act: FenceAct): boolean {
  return !act.confirmed && (act.reason === 'not_armed' || act.reason === 'not_confirmed');
}

function leaseTooShort(group: GroupState): FenceAct {
  return { confirmed: false, reason: 'lease_too_short', text: `the lease of group ${group.id} is about to end` };
}
