import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';
import { Violation } from './violation.ts';

export type Operation = () => void;

/** More ticks than this without time passing, or within a second, are a busy loop. */
const TICKS_AT_ONCE_MAX = 5;
const TICKS_PER_SECOND_MAX = 200;
const OPERATIONS_AT_ONCE_MAX = 400;
const SECOND_US = 1_000_000;

const PAUSE_MIN_US = 500;

/**
 * One operating-system process with one thread: what comes in waits its turn; what an operation leads to comes before
 * everything that waits; timers come last, as in Node's event loop after a pause. It may be paused before any operation.
 */
export class Process {
  readonly #name: string;
  readonly #schedule: Schedule;
  readonly #random: Random;
  /** the real time of the next tick; Infinity: none */
  readonly #dueUs: () => number;
  readonly #tick: () => void;
  /** Last in, first out. */
  #operations: Operation[] = [];
  #inbox: Operation[] = [];
  #alive = false;
  #life = 0;
  #pausedUntilUs = 0;
  #wakeAtUs = 0;
  #pauseChance = 0;
  #pauseMaxUs = 0;
  #operationsUntilPause = Number.POSITIVE_INFINITY;
  #alarmUs = Number.POSITIVE_INFINITY;
  #lastTickUs = -1;
  #ticksAtOnce = 0;
  #ticksInSecond = 0;
  #secondEndUs = 0;

  constructor(options: {
    name: string;
    schedule: Schedule;
    random: Random;
    dueUs: () => number;
    tick: () => void;
  }) {
    this.#name = options.name;
    this.#schedule = options.schedule;
    this.#random = options.random;
    this.#dueUs = options.dueUs;
    this.#tick = options.tick;
  }

  start(): void {
    this.#alive = true;
    this.#life++;
    this.#operations = [];
    this.#inbox = [];
    this.#alarmUs = Number.POSITIVE_INFINITY;
    this.#wakeAtUs = 0;
    this.#drawPause();
  }

  /** Gone at once, with everything that it was about to do. */
  end(): void {
    this.#alive = false;
    this.#operations = [];
    this.#inbox = [];
  }

  /** Something comes in from outside. */
  take(operation: Operation): void {
    if (!this.#alive) return;
    this.#inbox.push(operation);
    this.run();
  }

  /** To be done next, before all that has been waiting; of several, the last one first. */
  push(operation: Operation): void {
    this.#operations.push(operation);
  }

  /** Nothing runs for so long. */
  pause(durationUs: number): void {
    this.#pausedUntilUs = Math.max(this.#pausedUntilUs, this.#schedule.nowUs + durationUs);
  }

  /** Before how many operations, and for how long at most, it is paused from now on. */
  setPauses(chance: number, maxUs: number): void {
    this.#pauseChance = chance;
    this.#pauseMaxUs = maxUs;
    this.#drawPause();
  }

  /** Goes on until there is nothing left to do, or a pause comes in between. */
  run(): void {
    const life = this.#life;
    let operationsLeft = OPERATIONS_AT_ONCE_MAX * (1 + this.#inbox.length);
    while (this.#alive) {
      if (--operationsLeft < 0) this.#neverSettles();
      if (this.#schedule.nowUs < this.#pausedUntilUs) {
        this.#wakeAt(this.#pausedUntilUs);
        return;
      }
      const operation = this.#operations.pop() ?? this.#inbox.shift() ?? this.#tickIfDue();
      if (operation === undefined) break;
      if (--this.#operationsUntilPause < 0) {
        this.#drawPause();
        this.#operations.push(operation);
        this.pause(this.#random.logBetween(PAUSE_MIN_US, this.#pauseMaxUs));
        continue;
      }
      operation();
    }
    if (this.#alive) this.#arm(life);
  }

  /** Once for each end of a pause: whatever comes in meanwhile waits for the same one. */
  #wakeAt(atUs: number): void {
    if (this.#wakeAtUs === atUs) return;
    this.#wakeAtUs = atUs;
    const life = this.#life;
    this.#schedule.at(atUs, () => {
      if (this.#life === life) this.run();
    });
  }

  #tickIfDue(): Operation | undefined {
    const { nowUs } = this.#schedule;
    if (this.#dueUs() > nowUs) return undefined;
    this.#ticksAtOnce = nowUs === this.#lastTickUs ? this.#ticksAtOnce + 1 : 1;
    this.#lastTickUs = nowUs;
    if (nowUs >= this.#secondEndUs) {
      this.#secondEndUs = nowUs + SECOND_US;
      this.#ticksInSecond = 0;
    }
    this.#ticksInSecond++;
    if (this.#ticksAtOnce > TICKS_AT_ONCE_MAX || this.#ticksInSecond > TICKS_PER_SECOND_MAX) this.#neverSettles();
    return this.#tick;
  }

  #neverSettles(): never {
    throw new Violation('ticks do not settle', `${this.#name} is due again and again`, this.#schedule.nowUs);
  }

  #arm(life: number): void {
    const dueUs = this.#dueUs();
    if (dueUs === Number.POSITIVE_INFINITY) return;
    const { nowUs } = this.#schedule;
    const alarmUs = Math.max(nowUs, dueUs);
    // One that is armed already looks again when it rings; only an earlier one is worth arming.
    if (alarmUs >= this.#alarmUs && this.#alarmUs > nowUs) return;
    this.#alarmUs = alarmUs;
    this.#schedule.at(alarmUs, () => {
      if (this.#life !== life) return;
      if (this.#alarmUs === alarmUs) this.#alarmUs = Number.POSITIVE_INFINITY;
      this.run();
    });
  }

  #drawPause(): void {
    this.#operationsUntilPause = this.#random.trialsUntil(this.#pauseChance);
  }
}
