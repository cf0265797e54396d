import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../../../agent/simulation/random.ts';
import type { ServedWitness } from '../../served-witness/served-witness.ts';
import { type Answer, VotingNode } from '../../served-witness/voting-node.ts';
import { Ledger } from './ledger.ts';

/** Short, so that votes run out and change hands many times between two kills. */
const PROMISE_MS = { min: 10, max: 300 };
const PAUSE_MS = { min: 1, max: 60 };

/** Two nodes of one cluster, which both want its vote again and again, one by the link and one by HTTPS. */
export class VotingPair {
  readonly ledger = new Ledger();
  readonly witnessId: string;
  readonly cluster: string;
  readonly #witness: ServedWitness;
  readonly #voters: readonly [Voter, Voter];

  private constructor(witness: ServedWitness, cluster: string, witnessId: string, voters: readonly [Voter, Voter]) {
    this.#witness = witness;
    this.cluster = cluster;
    this.witnessId = witnessId;
    this.#voters = voters;
  }

  static async enrolled(witness: ServedWitness, cluster: string, random: Random): Promise<VotingPair> {
    const witnessId = await witness.createCluster(cluster);
    const voter = async (node: string, way: 'https' | 'link') =>
      new Voter(new VotingNode(witness, { cluster, node, token: await witness.enroll(cluster, node) }, way), random);
    const voters = [await voter('a', 'link'), await voter('b', 'https')] as const;
    return new VotingPair(witness, cluster, witnessId, voters);
  }

  /** How many requests wait for their answer. */
  get underWay(): number {
    return this.#voters.filter(({ asking }) => asking).length;
  }

  /** Until `stop`; a request that breaks what is checked here rejects. */
  async vote(stop: AbortSignal): Promise<void> {
    await Promise.all(this.#voters.map((voter) => voter.vote(this.#witness, this.ledger, stop)));
  }

  close(): void {
    for (const voter of this.#voters) voter.close();
  }
}

class Voter {
  asking = false;
  readonly #random: Random;
  readonly #node: VotingNode;
  #counter = 1;

  constructor(node: VotingNode, random: Random) {
    this.#node = node;
    this.#random = random;
  }

  async vote(witness: ServedWitness, ledger: Ledger, stop: AbortSignal): Promise<void> {
    let answer: Answer | null = null;
    while (!stop.aborted) {
      await witness.up();
      answer = await this.#next(answer, ledger);
      await sleep(this.#random.logBetween(PAUSE_MS.min, PAUSE_MS.max));
    }
  }

  close(): void {
    this.#node.close();
  }

  async #next(former: Answer | null, ledger: Ledger): Promise<Answer | null> {
    if (former === null && this.#random.chance(0.5)) {
      return this.#asked(ledger, true, () => this.#node.askAgain());
    }
    if (former?.result.kind === 'granted') {
      if (this.#random.chance(0.3)) return this.#release(ledger);
      // Let go without a word, or renewed.
      if (this.#random.chance(0.3)) await sleep(this.#random.between(0, PROMISE_MS.max));
    }
    const promiseMs = Math.round(this.#random.between(PROMISE_MS.min, PROMISE_MS.max));
    return this.#asked(ledger, false, () => this.#node.vote(this.#counter, promiseMs));
  }

  async #release(ledger: Ledger): Promise<Answer | null> {
    ledger.releasing(this.#node.name);
    const released = this.#counter;
    // It never lives again (L5), whether the release arrives or not.
    this.#counter += 1;
    return this.#asked(ledger, false, () => this.#node.release(released));
  }

  async #asked(ledger: Ledger, repeated: boolean, ask: () => Promise<Answer | null>): Promise<Answer | null> {
    this.asking = true;
    const answer = await ask();
    this.asking = false;
    if (answer === null) return null;
    ledger.answered(this.#node.name, answer, repeated);
    if (answer.result.kind === 'refused') this.#counter = Math.max(this.#counter, answer.result.highest.counter + 1);
    return answer;
  }
}
