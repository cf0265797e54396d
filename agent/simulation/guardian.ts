/**
 * The agent's parent process (DESIGN section 4, Guardian): when the engine dies alone, the real LastVote speaks in its
 * place, behind a closed fence and under the incarnation between the dead engine's and the next one's; then a new engine
 * starts. It may be paused before any of its steps, and die at any of them.
 */
import type { Ballot, Claim, FoundRegister, Verdict } from '@tiebreak/shared/lease';
import { nextBackoffMs } from '../guardian/backoff.ts';
import { LastVote } from '../guardian/last-vote.ts';
import type { AgentShell } from './agent-shell.ts';
import type { SidebandDatagram } from './messages.ts';
import { Process } from './process.ts';
import { Sideband } from './sideband.ts';
import type { Surroundings } from './surroundings.ts';

const NOTICE_MIN_US = 1000;
const NOTICE_MAX_US = 30_000;
/** As agent/guardian/farewell.ts has them. */
const PATIENCE_US = 150_000;
const LINGER_US = 30_000;
/** /proc/uptime counts in hundredths of a second. */
const UPTIME_STEP_US = 10_000;

export type GuardianOptions = {
  readonly around: Surroundings;
  readonly agent: AgentShell;
  readonly group: string;
  readonly peers: readonly string[];
  readonly sessions: boolean;
  readonly deliver: (to: string, datagram: SidebandDatagram) => void;
};

export class Guardian {
  readonly #options: GuardianOptions;
  readonly #process: Process;
  readonly #sideband: Sideband;
  /** It looks after the engine that died at this time, in real time. */
  #diedAtUs: number | undefined;
  #backoffMs: number | undefined;
  #found: FoundRegister = { kind: 'nothing' };
  #vote: LastVote | undefined;
  #listening = false;

  constructor(options: GuardianOptions) {
    this.#options = options;
    const { around, agent } = options;
    this.#process = new Process({
      name: `${agent.node}'s guardian`,
      schedule: around.schedule,
      random: around.random,
      dueUs: () => Number.POSITIVE_INFINITY,
      tick: () => undefined,
    });
    this.#sideband = new Sideband(agent.node, options.sessions, options.deliver);
  }

  /** Whether it will start the next engine. */
  get atWork(): boolean {
    return this.#diedAtUs !== undefined;
  }

  pause(durationUs: number): void {
    this.#process.pause(durationUs);
  }

  /** How often it is paused before a step, and for how long at most. */
  setPauses(chance: number, maxUs: number): void {
    this.#process.setPauses(chance, maxUs);
  }

  engineDied(livedUs: number): void {
    const { schedule, random } = this.#options.around;
    this.#diedAtUs = schedule.nowUs;
    this.#backoffMs = nextBackoffMs(this.#backoffMs, livedUs / 1000);
    this.#process.start();
    schedule.after(random.logBetween(NOTICE_MIN_US, NOTICE_MAX_US), () => this.#process.take(() => this.#closeFence()));
  }

  /** It is gone, or has nothing to look after any more: an engine runs. */
  end(): void {
    this.#diedAtUs = undefined;
    this.#vote = undefined;
    this.#listening = false;
    this.#process.end();
  }

  receive(datagram: SidebandDatagram): void {
    this.#process.take(() => {
      const heard = this.#listening ? this.#sideband.open(datagram) : undefined;
      if (heard?.event.type !== 'claim' || heard.answering === undefined) return;
      const { event, answering } = heard;
      const verdict = this.#judge(event.from, event.claim);
      if (verdict === undefined) return;
      this.#process.push(() => this.#sideband.send(event.from, { kind: 'ack', ...answering, verdict }));
    });
  }

  /** Only once the kernel has confirmed that it is closed is anything released (L5); otherwise it runs out by itself. */
  #closeFence(): void {
    const { random } = this.#options.around;
    const { agent } = this.#options;
    if (random.chance(agent.troubles.closeFailureChance)) {
      agent.note(() => 'its guardian cannot close the fence');
      this.#process.push(() => this.#rest());
      return;
    }
    agent.fence.close(this.#options.around.schedule.nowUs);
    agent.note(() => 'its guardian closes the fence');
    this.#process.push(() => this.#release());
  }

  #release(): void {
    const { agent, peers, around } = this.#options;
    this.#found = agent.disk.register(agent.localUs());
    this.#vote = this.#lastVote(this.#found);
    const vote = this.#vote;
    if (vote === undefined) {
      agent.note(() => 'its guardian finds that the vote is not its own');
      this.#rest();
      return;
    }
    this.#sideband.begin(agent.incarnation + 1);
    this.#listening = true;
    for (const peer of peers) this.#process.push(() => this.#sayReleased(peer, vote.released));
    around.schedule.after(PATIENCE_US, () => this.#process.take(() => this.#rest()));
  }

  #lastVote(register: FoundRegister): LastVote | undefined {
    const { agent, group, around } = this.#options;
    const { disk, lastState, node } = agent;
    if (lastState === undefined) return undefined;
    const { change, config } = lastState;
    return LastVote.of({
      group: { id: 1, name: group, configHash: config.configHash, change },
      node,
      register: {
        found: around.tampering.guardian === 'claims_every_vote' ? asOwn(register, node) : register,
        record: (record) => {
          disk.record(record);
          return true;
        },
      },
      promised: around.tampering.guardian === 'claims_every_vote' ? false : disk.promised,
      mayUse: (counter) => {
        disk.usedCounter = Math.max(disk.usedCounter, counter);
        return true;
      },
      nowUs: () => Math.floor(agent.localUs() / UPTIME_STEP_US) * UPTIME_STEP_US,
    });
  }

  #sayReleased(peer: string, ballot: Ballot): void {
    const { agent, around } = this.#options;
    around.monitor.releaseSent(agent);
    this.#sideband.send(peer, { kind: 'release', ballot });
  }

  #judge(from: string, claim: Claim): Verdict | undefined {
    const { agent, around } = this.#options;
    const before = agent.disk.register(agent.localUs());
    const vote = around.tampering.guardian === 'votes_again' ? this.#lastVote(this.#found) : this.#vote;
    const verdict = vote?.judge(from, claim);
    if (verdict?.kind !== 'granted') return verdict;
    agent.note(() => `its guardian votes for ${from} at ${claim.ballot.counter}.${claim.ballot.node}`);
    around.monitor.guardianVoted(agent, before, from, claim);
    around.schedule.after(LINGER_US, () => this.#process.take(() => this.#rest()));
    return verdict;
  }

  /** The duties are done: the next engine starts after the back-off. */
  #rest(): void {
    const diedAtUs = this.#diedAtUs;
    if (diedAtUs === undefined) return;
    this.#listening = false;
    const { schedule } = this.#options.around;
    const { agent } = this.#options;
    const startAtUs = diedAtUs + (this.#backoffMs ?? 0) * 1000;
    schedule.at(startAtUs, () => {
      this.#process.take(() => {
        if (this.#diedAtUs === diedAtUs && !agent.running) agent.start();
      });
    });
  }
}

function asOwn(found: FoundRegister, node: string): FoundRegister {
  return found.kind === 'recorded' ? { ...found, record: { ...found.record, holder: node } } : found;
}
