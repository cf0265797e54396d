import type { MemberEvent } from '@tiebreak/shared/lease';
import type { Fence, FenceAct, FenceClose } from '../kernel/fence/index.ts';
import { Tally } from '../metrics/counters/index.ts';
import type { LeaseRefresh, RefreshedLease } from './lease-refresh.ts';
import type { RateLimitedLog } from './rate-limited-log.ts';

/** What the kernel did not confirm: an opening or a refresh, by its reason, or a closing. */
export type FenceRefusal = Extract<FenceAct, { confirmed: false }>['reason'] | 'not_closed';

/** The fence of one group: what the kernel says to an act, as the event that goes back into the group's loop. */
export class GroupFence implements RefreshedLease {
  readonly #fence: Fence;
  readonly #group: { readonly id: number; readonly name: string };
  readonly #complaints: RateLimitedLog;
  readonly #leaseRefresh: Pick<LeaseRefresh, 'ask' | 'forget'>;
  readonly #replaced: (alsoClosed: readonly number[]) => void;
  readonly #onRefreshed: (outcome: MemberEvent) => void;
  #restsOnWitness = false;
  readonly refusals = new Tally<FenceRefusal>();

  constructor(options: {
    fence: Fence;
    group: { readonly id: number; readonly name: string };
    complaints: RateLimitedLog;
    leaseRefresh: Pick<LeaseRefresh, 'ask' | 'forget'>;
    onRefreshed: (outcome: MemberEvent) => void;
    /** The tables had to be made anew, which closed these groups too. */
    replaced: (alsoClosed: readonly number[]) => void;
  }) {
    this.#fence = options.fence;
    this.#group = options.group;
    this.#complaints = options.complaints;
    this.#leaseRefresh = options.leaseRefresh;
    this.#onRefreshed = options.onRefreshed;
    this.#replaced = options.replaced;
  }

  get level(): Fence['level'] {
    return this.#fence.level;
  }

  /** CLOCK_BOOTTIME: until when the kernel may answer for the addresses; undefined while it does not. */
  get openUntilUs(): number | undefined {
    return this.#fence.openUntilUs(this.#group.id);
  }

  open(leaseEndUs: number): MemberEvent {
    const act = this.#fence.open(this.#group.id, leaseEndUs);
    return act.confirmed ? { type: 'fence-opened', expiresAtUs: act.expiresAtUs } : this.#refused(act);
  }

  /** Together with the other groups', if theirs are due too; `onRefreshed` hears of it. */
  refreshSoon(leaseEndUs: number, restsOnWitness: boolean): void {
    this.#restsOnWitness = restsOnWitness;
    this.#leaseRefresh.ask(this, leaseEndUs);
  }

  get groupId(): number {
    return this.#group.id;
  }

  refreshed(act: FenceAct): void {
    const restsOnWitness = this.#restsOnWitness;
    const { confirmed } = act;
    this.#onRefreshed(
      confirmed ? { type: 'fence-refreshed', expiresAtUs: act.expiresAtUs, restsOnWitness } : this.#refused(act),
    );
  }

  /** What has been asked for and not been done yet is not done. */
  forgetRefresh(): void {
    this.#leaseRefresh.forget(this);
  }

  close(): MemberEvent {
    this.forgetRefresh();
    const act: FenceClose = this.#fence.close(this.#group.id);
    const { name } = this.#group;
    if (!act.confirmed) {
      this.refusals.count('not_closed');
      const text = `${name}: the fence is not confirmed closed, so nothing is released yet: ${act.text}`;
      this.#complaints.error('close', { group: name }, text);
      return { type: 'fence-close-failed' };
    }
    if (act.by === 'replacement') {
      const text = `${name}: the fence's tables did not answer and were made anew, every group closed (does another program flush nftables?)`;
      this.#complaints.error('replaced', { group: name, also_closed: act.alsoClosed }, text);
      this.#replaced(act.alsoClosed);
    }
    return { type: 'fence-closed' };
  }

  #refused(act: Extract<FenceAct, { confirmed: false }>): MemberEvent {
    this.refusals.count(act.reason);
    // A lease that is about to end is an everyday matter, and the transition that follows tells of it.
    if (act.reason !== 'lease_too_short') {
      const text = `${this.#group.name}: the kernel did not confirm the fence: ${act.text}`;
      this.#complaints.warn(act.reason, { group: this.#group.name, reason: act.reason }, text);
    }
    return { type: 'fence-refused', reason: act.reason };
  }
}
