/** What a node may act upon in the world outside: it owns the group with this ballot, by a lease that is alive. */
export type Ownership = { readonly counter: number };

const FOREVER = 2n ** 63n - 1n;
/** counter, and until when it holds */
const SLOTS_OF_A_GROUP = 2;

/**
 * Who owns what on this node, in memory that all threads share: the engine writes, whoever acts for an owner reads right before
 * each act. An entry ends by itself with the lease, so that a thread that runs on beside a frozen engine finds nothing.
 */
export class OwnershipBoard {
  readonly buffer: SharedArrayBuffer;
  readonly #slots: BigInt64Array<SharedArrayBuffer>;

  /** @param memory a number: for so many groups; otherwise another board's `buffer` */
  constructor(memory: number | SharedArrayBuffer) {
    const bytes = (groups: number): number => groups * SLOTS_OF_A_GROUP * BigInt64Array.BYTES_PER_ELEMENT;
    this.buffer = typeof memory === 'number' ? new SharedArrayBuffer(bytes(memory)) : memory;
    this.#slots = new BigInt64Array(this.buffer);
  }

  /** @param untilUs CLOCK_BOOTTIME; Infinity: until it is ended */
  owns(group: number, counter: number, untilUs: number): void {
    const [ballot, until] = slotsOf(group);
    const untilExact = Number.isFinite(untilUs) ? BigInt(Math.floor(untilUs)) : FOREVER;
    if (Atomics.load(this.#slots, ballot) !== BigInt(counter)) {
      // A reader between the two stores finds an ended lease, never the new time with the old ballot.
      Atomics.store(this.#slots, until, 0n);
      Atomics.store(this.#slots, ballot, BigInt(counter));
    }
    Atomics.store(this.#slots, until, untilExact);
  }

  ends(group: number): void {
    Atomics.store(this.#slots, slotsOf(group)[1], 0n);
  }

  /** @param nowUs CLOCK_BOOTTIME */
  ownership(group: number, nowUs: number): Ownership | undefined {
    const [ballot, until] = slotsOf(group);
    const counter = Atomics.load(this.#slots, ballot);
    if (Atomics.load(this.#slots, until) <= BigInt(Math.ceil(nowUs))) return undefined;
    return Atomics.load(this.#slots, ballot) === counter ? { counter: Number(counter) } : undefined;
  }
}

/** @param group its id, from 1 */
function slotsOf(group: number): readonly [ballot: number, until: number] {
  const first = (group - 1) * SLOTS_OF_A_GROUP;
  return [first, first + 1];
}
