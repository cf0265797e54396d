import type {
  Fence,
  FenceAct,
  FenceClose,
  FenceConfig,
  FenceLevel,
  HeldRefresh,
  HoldingFence,
} from '../kernel/fence/index.ts';
import type { Logger } from '../log/index.ts';

/**
 * A look costs some 20 µs. An owner notices at its next refresh anyway; this is for the backup, and for groups whose next
 * refresh is seconds away.
 */
const LOOK_EVERY_MS = 500;

type NftResult = ReturnType<Fence['recreate']>;
type OpenGroup = { readonly id: number; readonly untilUs: number };

/**
 * The fence, put up again when another program has taken it away (`nft flush ruleset`, as Debian's nftables.conf begins).
 * A group that was open then is opened again at once, within the lease that it was last given: its owner holds that lease
 * still, and nothing but the tables was lost.
 */
export class KeptFence implements HoldingFence {
  readonly #fence: HoldingFence;
  #groupIds: readonly number[];
  readonly #log: Logger;
  readonly #leaseEndUs = new Map<number, number>();
  readonly #looking: NodeJS.Timeout;
  #recreations = 0;

  constructor(fence: HoldingFence, groupIds: readonly number[], log: Logger) {
    this.#fence = fence;
    this.#groupIds = groupIds;
    this.#log = log;
    this.#looking = setInterval(() => this.#look(), LOOK_EVERY_MS);
    this.#looking.unref();
  }

  get level(): FenceLevel {
    return this.#fence.level;
  }

  /** How often the tables had to be made anew. */
  get recreations(): number {
    return this.#recreations;
  }

  open(groupId: number, leaseEndUs: number): FenceAct {
    return this.#act('open', groupId, leaseEndUs);
  }

  refresh(groupId: number, leaseEndUs: number): FenceAct {
    return this.#act('refresh', groupId, leaseEndUs);
  }

  refreshTogether(leases: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
    const refreshed = this.#fence.refreshTogether(leases);
    for (const [groupId, leaseEndUs] of leases) if (refreshed.has(groupId)) this.#leaseEndUs.set(groupId, leaseEndUs);
    return refreshed;
  }

  refreshHeld(groupIds: readonly number[], notAfterUs: number): HeldRefresh {
    return this.#fence.refreshHeld(groupIds, notAfterUs);
  }

  close(groupId: number): FenceClose {
    const open = this.#openGroups().filter(({ id }) => id !== groupId);
    const closed = this.#fence.close(groupId);
    if (!closed.confirmed || closed.by !== 'replacement') return closed;
    this.#madeAnew(open);
    const alsoClosed = closed.alsoClosed.filter((id) => this.#fence.openUntilUs(id) === undefined);
    return { ...closed, alsoClosed };
  }

  openUntilUs(groupId: number): number | undefined {
    return this.#fence.openUntilUs(groupId);
  }

  isIntact(): boolean {
    return this.#fence.isIntact();
  }

  rehearse(): void {
    this.#fence.rehearse();
  }

  recreate(): NftResult {
    const open = this.#openGroups();
    const made = this.#fence.recreate();
    if (made.ok) this.#madeAnew(open);
    else this.#log.error(`the fence is gone and cannot be put up again: ${made.text}`);
    return made;
  }

  addInterface(name: string): NftResult {
    return this.#fence.addInterface(name);
  }

  change(config: FenceConfig): NftResult {
    // What another program has taken away cannot be changed.
    if (!this.#fence.isIntact() && !this.#fence.isIntact()) this.recreate();
    const changed = this.#fence.change(config);
    if (changed.ok) this.#groupIds = config.groups.map(({ id }) => id);
    return changed;
  }

  remove(): NftResult {
    clearInterval(this.#looking);
    return this.#fence.remove();
  }

  #act(kind: 'open' | 'refresh', groupId: number, leaseEndUs: number): FenceAct {
    const act = this.#fence[kind](groupId, leaseEndUs);
    if (act.confirmed) {
      this.#leaseEndUs.set(groupId, leaseEndUs);
      return act;
    }
    const unanswered = act.reason === 'not_armed' || act.reason === 'not_confirmed';
    if (!unanswered || this.#fence.isIntact() || !this.recreate().ok) return act;
    // The tables are new, so nothing is there to refresh; the lease of the caller, who asks now, is as good for an opening.
    const again = this.#fence.open(groupId, leaseEndUs);
    if (again.confirmed) this.#leaseEndUs.set(groupId, leaseEndUs);
    return again;
  }

  // Twice, because a starved machine may let one packet wait.
  #look(): void {
    if (!this.#fence.isIntact() && !this.#fence.isIntact()) this.recreate();
  }

  #openGroups(): OpenGroup[] {
    return this.#groupIds.flatMap((id) => {
      const untilUs = this.#fence.openUntilUs(id);
      return untilUs === undefined ? [] : [{ id, untilUs }];
    });
  }

  /** Every group is closed now; those that were open before go on, for no longer than their owner knows of. */
  #madeAnew(open: readonly OpenGroup[]): void {
    this.#recreations += 1;
    const reopened = open.filter(({ id, untilUs }) => {
      const leaseEndUs = this.#leaseEndUs.get(id);
      return leaseEndUs !== undefined && this.#fence.open(id, Math.min(leaseEndUs, untilUs)).confirmed;
    }).length;
    const text = `another program removed the fence's nftables rules (nft flush ruleset?); they are back, ${reopened} of ${open.length} open group(s) went on at once, the others with their next heartbeat or advertisement; it is the ${this.#recreations}. time`;
    this.#log.warn({ recreations: this.#recreations, reopened }, text);
  }
}
