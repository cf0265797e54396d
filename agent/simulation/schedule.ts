import { Violation } from './violation.ts';

type Entry = { readonly atUs: number; readonly order: number; readonly run: () => void };

function isBefore(left: Entry, right: Entry): boolean {
  return left.atUs < right.atUs || (left.atUs === right.atUs && left.order < right.order);
}

/** Real time and what is to happen in it: a binary heap by time, then by the order of scheduling. */
export class Schedule {
  nowUs = 0;
  performed = 0;
  /** What takes more goes round in circles. */
  limits = { events: Number.POSITIVE_INFINITY, untilUs: Number.POSITIVE_INFINITY };
  private readonly heap: Entry[] = [];
  private order = 0;

  /** `atUs`: real time; what lies in the past happens now. */
  at(atUs: number, run: () => void): void {
    const entry = { atUs: Math.max(atUs, this.nowUs), order: this.order++, run };
    const { heap } = this;
    let index = heap.length;
    heap.push(entry);
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = heap[parentIndex];
      if (parent === undefined || !isBefore(entry, parent)) break;
      heap[index] = parent;
      index = parentIndex;
    }
    heap[index] = entry;
  }

  after(delayUs: number, run: () => void): void {
    this.at(this.nowUs + delayUs, run);
  }

  /** Performs everything up to and including `untilUs`. */
  runUntil(untilUs: number): void {
    for (;;) {
      const first = this.heap[0];
      if (first === undefined || first.atUs > untilUs) break;
      this.removeFirst();
      this.nowUs = first.atUs;
      this.performed++;
      if (this.performed > this.limits.events || this.nowUs > this.limits.untilUs) this.#neverEnds();
      first.run();
    }
    this.nowUs = Math.max(this.nowUs, untilUs);
  }

  #neverEnds(): never {
    throw new Violation('does not end', `${this.performed} events in ${(this.nowUs / 1e6).toFixed(0)} s`, this.nowUs);
  }

  private removeFirst(): void {
    const { heap } = this;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let childIndex = 2 * index + 1;
      let child = heap[childIndex];
      if (child === undefined) break;
      const right = heap[childIndex + 1];
      if (right !== undefined && isBefore(right, child)) {
        childIndex++;
        child = right;
      }
      if (!isBefore(child, last)) break;
      heap[index] = child;
      index = childIndex;
    }
    heap[index] = last;
  }
}
