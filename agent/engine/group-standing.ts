import type { Ballot, MemberState } from '@tiebreak/shared/lease';
import type { GroupConfig, GroupState } from '../config/index.ts';
import type { Decision } from '../history/index.ts';
import type { GroupChange } from '../notify/index.ts';
import type { Ownership, OwnershipBoard } from '../ownership/index.ts';

/** A group on this node as the world outside is to see it. `ownership` undefined: nobody may act for an owner. */
export type Standing = {
  readonly state: GroupState;
  readonly cause: string;
  readonly ballot: Ballot;
  readonly priority: number;
  readonly ownership: (Ownership & { readonly untilUs: number }) | undefined;
};

/** A group in mode "vrrp" has none. */
export const NO_BALLOT: Ballot = { counter: 0, node: '' };

/**
 * Tells the world outside of one group: who owns it at any moment, each change of its state once, and once more that it is
 * active where whoever acts upon that may have to do so again.
 */
export class GroupStanding {
  #config: GroupConfig;
  readonly #node: string;
  readonly #board: OwnershipBoard;
  readonly #nowUs: () => number;
  readonly #nextId: () => string;
  readonly #onChange: (change: GroupChange) => void;
  #told: GroupState | undefined;

  constructor(options: {
    readonly config: GroupConfig;
    readonly node: string;
    readonly board: OwnershipBoard;
    /** CLOCK_BOOTTIME */
    readonly nowUs: () => number;
    /** Never the same twice. */
    readonly nextId: () => string;
    /** Called once what the caller of `note` is in the middle of is done. */
    readonly onChange: (change: GroupChange) => void;
  }) {
    this.#config = options.config;
    this.#node = options.node;
    this.#board = options.board;
    this.#nowUs = options.nowUs;
    this.#nextId = options.nextId;
    this.#onChange = options.onChange;
  }

  /** The same group, configured otherwise. */
  configure(config: GroupConfig): void {
    this.#config = config;
  }

  /** As the group is now, for each step of its loop; undefined: about to become something else, and owned by nobody here. */
  note(standing: Standing | undefined): void {
    const { id } = this.#config;
    if (standing === undefined) {
      this.#board.ends(id);
      return;
    }
    const { state, ownership } = standing;
    const wasOwned = state === 'active' && this.#isOwned;
    if (ownership === undefined) this.#board.ends(id);
    else this.#board.owns(id, ownership.counter, ownership.untilUs);
    if (state !== this.#told) this.#tell(standing);
    // Its entry had ended: whoever looked there meanwhile has not acted for an owner (a command is dropped then).
    else if (state === 'active' && !wasOwned && this.#isOwned) this.#tell({ ...standing, cause: 'stood_still' });
  }

  /** L8: an owner has won a conflict, whose loser may have acted for the group too. Nothing to a node that was not told to own. */
  again(standing: Standing): void {
    if (standing.state === 'active' && this.#told === 'active') this.#tell(standing);
  }

  get #isOwned(): boolean {
    return this.#board.ownership(this.#config.id, this.#nowUs()) !== undefined;
  }

  #tell({ state, cause, ballot, priority }: Standing): void {
    const { name, virtualRouters } = this.#config;
    const previous = this.#told ?? null;
    this.#told = state;
    const at = new Date().toISOString();
    setImmediate(() =>
      this.#onChange({
        id: this.#nextId(),
        at,
        group: name,
        node: this.#node,
        state,
        previous,
        cause,
        ballot: { counter: ballot.counter, node: ballot.node },
        priority,
        virtualRouters: virtualRouters.length,
        addresses: virtualRouters.flatMap(({ addresses }) =>
          addresses.map(({ address, prefixLength }) => `${address}/${prefixLength}`),
        ),
      }),
    );
  }
}

/** A change of a group in mode "vrrp" for the history: there was no vote. */
export function plainDecision({ at, group, state, previous, cause, ballot }: GroupChange): Decision {
  const from = previous ?? 'initialize';
  const text = `${group}: ${from} -> ${state}: ${cause} (unprotected: plain VRRP, no votes)`;
  return { at, group, from, to: state, ballot, cause, votes: [], text };
}

/** In lease mode. Undefined while it stands or gives up: what it was told to be, it is until that has come out. */
export function leaseStanding({ role, fitness, register }: MemberState, cause: string): Standing | undefined {
  const { priority, unfit } = fitness;
  const base = { priority, ownership: undefined };
  switch (role.name) {
    case 'active': {
      const ownership = { counter: role.ballot.counter, untilUs: role.fenceOpenUntilUs };
      return { ...base, state: 'active', cause, ballot: role.ballot, ownership };
    }
    case 'initialize':
    case 'backup': {
      // In maintenance nothing has failed: such a node is a backup that does not stand.
      const isFault = unfit !== undefined && unfit !== 'maintenance';
      const ballot = register.highestGranted;
      return { ...base, state: isFault ? 'fault' : 'backup', cause: isFault ? unfit : cause, ballot };
    }
    case 'leaving':
    case 'stopped':
      return { ...base, state: 'stopped', cause, ballot: register.highestGranted };
    case 'candidate':
    case 'closing':
      return undefined;
  }
}
