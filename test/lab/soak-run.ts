import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../../agent/simulation/random.ts';
import type { Change, Interval } from './analysis.ts';
import type { Laboratory } from './laboratory.ts';
import { type Episode, explain } from './soak-explain.ts';
import { drawFault, type SoakFault } from './soak-faults.ts';
import { SoakWatch } from './soak-watch.ts';
import type { HostName } from './topology.ts';

const SLICE_MS = 5_000;
/** Lines are in the record within milliseconds; on a busy machine within tens. */
const SETTLED_MS = 250;
const QUIET_MS = [300, 4_000] as const;
const SECOND_FAULT_CHANCE = 0.15;
/** Mostly the pair is itself again before the next fault; what it is not yet ready for must not make two owners either. */
const IMPATIENT_CHANCE = 0.2;
const RECOVERY_MS = 90_000;
/** Log lines this long before and after a move that nothing explains. */
const LOG_AROUND_MS = 3_000;

/** What one injected fault led to, until the next one. */
export type Step = {
  readonly titles: readonly string[];
  readonly holdMs: number;
  readonly atUs: number;
  readonly changes: readonly Change[];
  readonly longestSilenceMs: number;
  readonly twoOwnersMs: number;
};

export type SoakResult = {
  readonly steps: readonly Step[];
  readonly watch: SoakWatch;
  readonly unexplained: readonly { readonly change: Change; readonly logs: string }[];
  /** Faults that could not be injected or mended, agents that ended by themselves, recoveries that did not come. */
  readonly problems: readonly string[];
};

export type SoakOptions = {
  readonly seed: number;
  readonly durationMs: number;
  readonly onStep: (step: Step) => void;
  readonly onDoing: (text: string) => void;
};

/** Breaks and mends one laboratory at random for as long as it is told. */
export class Soak {
  readonly #lab: Laboratory;
  readonly #options: SoakOptions;
  readonly #random: Random;
  readonly #watch = new SoakWatch();
  readonly #episodes: Episode[] = [];
  readonly #steps: Step[] = [];
  readonly #unexplained: { change: Change; logs: string }[] = [];
  readonly #problems: string[] = [];
  #readUntilUs: number;
  #judged = 0;
  #stuck = false;

  constructor(lab: Laboratory, options: SoakOptions) {
    this.#lab = lab;
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#readUntilUs = lab.prober.nowUs();
  }

  /** Throws when the prober fails: from then on nothing would be known. */
  async run(): Promise<SoakResult> {
    let owner = await this.#lab.steady();
    const endMs = performance.now() + this.#options.durationMs;
    while (performance.now() < endMs && !this.#stuck) {
      owner = await this.#step(owner);
    }
    return { steps: this.#steps, watch: this.#watch, unexplained: this.#unexplained, problems: this.#problems };
  }

  /** @returns the owner after it, or the one before it if the run does not wait for it */
  async #step(owner: HostName): Promise<HostName> {
    const random = this.#random;
    const first = drawFault(this.#lab, random, owner);
    const second = random.chance(SECOND_FAULT_CHANCE) ? drawFault(this.#lab, random, owner, first) : undefined;
    const secondAfterMs = random.between(0, first.holdMs);
    const quietMs = random.between(...QUIET_MS);
    const patient = !random.chance(IMPATIENT_CHANCE);
    const faults = second === undefined ? [first] : [first, second];
    this.#options.onDoing(faults.map(({ title }) => title).join(' and '));
    const atUs = this.#lab.prober.nowUs();
    await this.#watching(
      Promise.all([
        this.#breakAndMend(first),
        ...(second === undefined ? [] : [sleep(secondAfterMs).then(() => this.#breakAndMend(second))]),
      ]),
    );
    await this.#watching(this.#restartWhatEnded());
    const settled = patient ? await this.#watching(this.#recovered(owner)) : owner;
    await this.#watching(sleep(quietMs));
    await sleep(SETTLED_MS);
    this.#read();
    this.#judge();
    this.#conclude(faults, atUs);
    return settled;
  }

  async #breakAndMend({ title, fault, holdMs, takes, afterMs }: SoakFault): Promise<void> {
    const fromUs = this.#lab.prober.nowUs();
    const index = this.#episodes.push({ title, takes, fromUs, untilUs: Number.POSITIVE_INFINITY }) - 1;
    try {
      await fault.inject();
      await sleep(holdMs);
      await fault.heal();
    } catch (error) {
      this.#problems.push(`${title}: ${error instanceof Error ? error.message : String(error)}`);
    }
    this.#episodes[index] = { title, takes, fromUs, untilUs: this.#lab.prober.nowUs() + afterMs * 1_000 };
  }

  async #restartWhatEnded(): Promise<void> {
    for (const agent of Object.values(this.#lab.system.agents)) {
      if (agent.running) continue;
      this.#problems.push(`host ${agent.host}: the agent has ended by itself:\n${agent.log().slice(-2_000)}`);
      await agent.start();
    }
  }

  async #recovered(owner: HostName): Promise<HostName> {
    try {
      return await this.#lab.steady(RECOVERY_MS);
    } catch (error) {
      this.#stuck = true;
      this.#problems.push(`no recovery: ${error instanceof Error ? error.message : String(error)}`);
      return owner;
    }
  }

  /** Reads the record while something else goes on, so that it never forgets what has not been read. */
  async #watching<T>(work: Promise<T>): Promise<T> {
    const timer = setInterval(() => this.#read(), SLICE_MS);
    try {
      return await work;
    } finally {
      clearInterval(timer);
    }
  }

  #read(): void {
    const untilUs = this.#lab.prober.nowUs() - SETTLED_MS * 1_000;
    if (untilUs <= this.#readUntilUs) return;
    this.#watch.add(this.#lab.prober.between(this.#readUntilUs, untilUs));
    this.#readUntilUs = untilUs;
  }

  #judge(): void {
    const { changes } = this.#watch;
    for (; this.#judged < changes.length; this.#judged += 1) {
      const change = changes[this.#judged];
      if (change === undefined || explain(change, this.#episodes).length > 0) continue;
      this.#unexplained.push({ change, logs: this.#logsAround(change.atUs / 1_000) });
    }
  }

  #conclude(faults: readonly SoakFault[], atUs: number): void {
    const within = ({ toUs }: Interval): boolean => toUs > atUs;
    const lengthMs = ({ fromUs, toUs }: Interval): number => (toUs - Math.max(fromUs, atUs)) / 1_000;
    const step: Step = {
      titles: faults.map(({ title }) => title),
      holdMs: Math.max(...faults.map(({ holdMs }) => holdMs)),
      atUs,
      changes: this.#watch.changes.filter((change) => change.atUs > atUs),
      longestSilenceMs: Math.max(0, ...this.#watch.silences.filter(within).map(lengthMs)),
      twoOwnersMs: this.#watch.twoOwners.filter(within).reduce((total, interval) => total + lengthMs(interval), 0),
    };
    this.#steps.push(step);
    this.#options.onStep(step);
  }

  #logsAround(atMs: number): string {
    return Object.values(this.#lab.system.agents)
      .map((agent) => `--- host ${agent.host}\n${linesAround(agent.log(), atMs).join('\n')}`)
      .join('\n');
  }
}

/** The agents log JSON with the time in it; of other logs the end is shown. */
function linesAround(log: string, atMs: number): string[] {
  const lines = log.split('\n').filter((line) => line !== '');
  const timed = lines.filter((line) => {
    const time = /"time":"([^"]+)"/.exec(line)?.[1];
    return time !== undefined && Math.abs(Date.parse(time) - atMs) <= LOG_AROUND_MS;
  });
  return timed.length > 0 ? timed : lines.slice(-10);
}
