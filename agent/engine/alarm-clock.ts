import { boottimeUs, hearGathered } from '../kernel/index.ts';
import type { Alarm } from './clock.ts';

/** The longest that a timer of Node waits. */
const WAIT_MS_MAX = 0x7fffffff;
/** For so long the event loop goes round without waiting until an exact alarm rings: its timers may be late by as much. */
const EXACT_MS = 2;
/** Below so many entries nobody looks for stale ones. */
const SWEEP_MIN = 256;

/**
 * The alarms of all loops, each at an absolute time on CLOCK_BOOTTIME, with one timer for whichever comes first. They ring in the
 * event loop's check phase: after a pause the sockets are drained first, so that a packet which waited for us counts before the
 * alarm that overtook it.
 *
 * Timers of Node are late by a millisecond or two. An exact alarm is not, unless an ordinary one is due just before it, at the price
 * of a busy processor for as long.
 *
 * An alarm that is put off, as a down timer is with every advertisement, stays where it is in the queue, and moves when it has come
 * to the front: that costs less than to move it each time.
 */
export class AlarmClock {
  readonly #nowUs: () => number;
  /** A binary heap: no entry is earlier than the one at half its index. */
  readonly #queue: Entry[] = [];
  #sweepAt = SWEEP_MIN;
  #timer: NodeJS.Timeout | undefined;
  #immediate: NodeJS.Immediate | undefined;
  /** When the timer looks; Infinity: none is set. */
  #looksAtUs = Number.POSITIVE_INFINITY;

  constructor(nowUs: () => number = boottimeUs) {
    this.#nowUs = nowUs;
  }

  alarm(ring: () => void): Alarm {
    return new QueuedAlarm(
      ring,
      (entry) => this.#add(entry),
      () => this.#rest(),
    );
  }

  #add(entry: Entry): void {
    if (this.#queue.length >= this.#sweepAt) this.#sweep();
    push(this.#queue, entry);
    if (this.#queue[0] === entry) this.#arm();
  }

  /** Of alarms that are set to earlier times again and again the later entries would heap up. */
  #sweep(): void {
    const live = this.#queue.filter((entry) => !isStale(entry));
    live.sort((left, right) => left.atUs - right.atUs);
    this.#queue.splice(0, this.#queue.length, ...live);
    this.#sweepAt = SWEEP_MIN + 2 * live.length;
  }

  /** With nothing left to ring, no timer keeps the process alive. */
  #rest(): void {
    if (this.#queue.every(isStale)) this.#queue.length = 0;
    if (this.#queue.length === 0) this.#disarm();
  }

  #disarm(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#immediate);
    this.#immediate = undefined;
    this.#looksAtUs = Number.POSITIVE_INFINITY;
  }

  #arm(): void {
    const first = this.#front();
    if (first === undefined || first.atUs === this.#looksAtUs || this.#immediate !== undefined) return;
    clearTimeout(this.#timer);
    this.#looksAtUs = first.atUs;
    const waitMs = Math.min((first.atUs - this.#nowUs()) / 1000, WAIT_MS_MAX);
    if (waitMs <= 0) this.#ringSoon();
    else if (!first.alarm.isExact) this.#timer = setTimeout(() => this.#look(), Math.ceil(waitMs));
    else if (waitMs > EXACT_MS) this.#timer = setTimeout(() => this.#look(), Math.floor(waitMs - EXACT_MS));
    else this.#goRound();
  }

  #look(): void {
    this.#looksAtUs = Number.POSITIVE_INFINITY;
    this.#arm();
  }

  /** The entry that is due first, once those at the front have gone that have been called off, and those have moved that were put off. */
  #front(): Entry | undefined {
    for (;;) {
      const [first] = this.#queue;
      if (first === undefined || first.alarm.isDueAt(first)) return first;
      pop(this.#queue);
      const moved = first.alarm.putOff(first);
      if (moved !== undefined) push(this.#queue, moved);
    }
  }

  #goRound(): void {
    this.#immediate = setImmediate(() => {
      this.#immediate = undefined;
      this.#look();
    });
  }

  #ringSoon(): void {
    this.#immediate = setImmediate(() => this.#ringDue());
  }

  #ringDue(): void {
    // What is heard here may put an alarm off, or call it off.
    hearGathered();
    const nowUs = this.#nowUs();
    const due: Entry[] = [];
    for (let first = this.#queue[0]; first !== undefined && first.atUs <= nowUs; first = this.#queue[0]) {
      due.push(pop(this.#queue));
    }
    for (const entry of due) entry.alarm.look(entry, nowUs);
    this.#immediate = undefined;
    this.#looksAtUs = Number.POSITIVE_INFINITY;
    this.#arm();
  }
}

interface Entry {
  readonly atUs: number;
  readonly alarm: QueuedAlarm;
}

class QueuedAlarm implements Alarm {
  readonly #ring: () => void;
  readonly #add: (entry: Entry) => void;
  readonly #rest: () => void;
  #atUs = Number.POSITIVE_INFINITY;
  #isExact = false;
  #entry: Entry | undefined;

  constructor(ring: () => void, add: (entry: Entry) => void, rest: () => void) {
    this.#ring = ring;
    this.#add = add;
    this.#rest = rest;
  }

  get entry(): Entry | undefined {
    return this.#entry;
  }

  set(atUs: number, exact = false): void {
    this.#isExact = exact;
    if (atUs === Number.POSITIVE_INFINITY) this.clear();
    else this.#setTo(atUs);
  }

  get isExact(): boolean {
    return this.#isExact;
  }

  /** Whether `entry` says when it is to ring. */
  isDueAt(entry: Entry): boolean {
    return entry === this.#entry && entry.atUs === this.#atUs;
  }

  /** What takes the place of `entry`, which says too early a time; undefined: nothing, it has been called off. */
  putOff(entry: Entry): Entry | undefined {
    if (entry !== this.#entry) return undefined;
    this.#entry = { atUs: this.#atUs, alarm: this };
    return this.#entry;
  }

  clear(): void {
    this.#atUs = Number.POSITIVE_INFINITY;
    if (this.#entry === undefined) return;
    this.#entry = undefined;
    this.#rest();
  }

  /** The time of its entry has come, which may be another's by now. */
  look(entry: Entry, nowUs: number): void {
    if (entry !== this.#entry) return;
    this.#entry = undefined;
    const atUs = this.#atUs;
    if (atUs > nowUs) {
      this.#setTo(atUs);
      return;
    }
    this.#atUs = Number.POSITIVE_INFINITY;
    this.#ring();
  }

  #setTo(atUs: number): void {
    this.#atUs = atUs;
    if (this.#entry !== undefined && this.#entry.atUs <= atUs) return;
    this.#entry = { atUs, alarm: this };
    this.#add(this.#entry);
  }
}

/** Its alarm has been called off, or set to an earlier time. */
function isStale(entry: Entry): boolean {
  return entry.alarm.entry !== entry;
}

function push(heap: Entry[], entry: Entry): void {
  let at = heap.length;
  while (at > 0) {
    const parentAt = (at - 1) >> 1;
    const parent = heap[parentAt];
    if (parent === undefined || parent.atUs <= entry.atUs) break;
    heap[at] = parent;
    at = parentAt;
  }
  heap[at] = entry;
}

/** Of a heap that is not empty. */
function pop(heap: Entry[]): Entry {
  const [first] = heap;
  const last = heap.pop();
  if (first === undefined || last === undefined) throw new Error('there is no alarm');
  if (first === last) return first;
  let at = 0;
  for (;;) {
    let childAt = 2 * at + 1;
    let child = heap[childAt];
    const other = heap[childAt + 1];
    if (child !== undefined && other !== undefined && other.atUs < child.atUs) {
      childAt += 1;
      child = other;
    }
    if (child === undefined || child.atUs >= last.atUs) break;
    heap[at] = child;
    at = childAt;
  }
  heap[at] = last;
  return first;
}
