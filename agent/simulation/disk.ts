import type {
  DepartedVote,
  FoundAtStart,
  FoundRegister,
  IdentityRecord,
  KeptPromise,
  MemberEvent,
  RegisterRecord,
} from '@tiebreak/shared/lease';
import type { Surroundings } from './surroundings.ts';

const FAILURE_CHANCE = 0.05;
const FSYNC_MIN_US = 200;
const FSYNC_MAX_US = 200_000;

type StateDir = {
  readonly promise?: KeptPromise | undefined;
  readonly departed?: DepartedVote | undefined;
  readonly identity?: IdentityRecord | undefined;
};

/** One host's `run_dir` and `state_dir`: the first is written at once and lost with the boot, the second takes an fsync. */
export class Disk {
  /** L10: no later run uses a ballot counter at or below this one. */
  usedCounter = 0;
  readonly #around: Surroundings;
  #freeUs = 0;
  #runDir: RegisterRecord | undefined;
  #stateDir: StateDir = {};
  /** by the node's own clock; undefined: in this boot the agent has run */
  #bootedAtUs: number | undefined;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  /** What a run that starts now finds of a former one: in `run_dir`, and by the boot id in `state_dir` (L9). */
  find(nowLocalUs: number): FoundAtStart {
    return { register: this.register(nowLocalUs), ...this.#stateDir };
  }

  register(nowLocalUs: number): FoundRegister {
    if (this.#runDir !== undefined) return { kind: 'recorded', record: this.#runDir };
    if (this.#bootedAtUs !== undefined) return { kind: 'new_boot', uptimeUs: nowLocalUs - this.#bootedAtUs };
    return { kind: 'nothing' };
  }

  /** From now on an agent has run in this boot. */
  noteRun(): void {
    this.#bootedAtUs = undefined;
  }

  record(record: RegisterRecord): void {
    this.#runDir = record;
  }

  loseRunDir(): void {
    this.#runDir = undefined;
  }

  boot(nowLocalUs: number): void {
    this.#runDir = undefined;
    this.#bootedAtUs = nowLocalUs;
  }

  keep(written: StateDir): void {
    this.#stateDir = { ...this.#stateDir, ...written };
  }

  /** `state_dir` holds a promise that binds the vote, as the guardian looks for it. */
  get promised(): boolean {
    return this.#stateDir.promise !== undefined;
  }

  get content(): string {
    return JSON.stringify(this.#stateDir);
  }

  /**
   * An fsync takes its time, and the process may be gone before it is done or before it hears of it; none overtakes.
   * `write` says what the process then hears; undefined: nobody is there to go on with it. `failed`: the disk was full.
   */
  persist(write: () => MemberEvent | undefined, told: (event: MemberEvent) => void, failed: () => void): void {
    const { schedule, random, tampering } = this.#around;
    if (tampering.noFsync) {
      const stateDir = this.#stateDir;
      const event = write();
      this.#stateDir = stateDir;
      if (event !== undefined) told(event);
      return;
    }
    const fails = random.chance(FAILURE_CHANCE);
    this.#freeUs = Math.max(schedule.nowUs, this.#freeUs) + random.logBetween(FSYNC_MIN_US, FSYNC_MAX_US);
    schedule.at(this.#freeUs, () => {
      if (fails) {
        failed();
        return;
      }
      const event = write();
      if (event !== undefined) told(event);
    });
  }
}
