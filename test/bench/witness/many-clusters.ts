import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { TTL_MAX_MS } from '@tiebreak/shared/lease';
import { ServedWitness } from '../../served-witness/served-witness.ts';
import { VotingNode } from '../../served-witness/voting-node.ts';
import { type Memory, memoryOf } from '../process-cost.ts';

/** A new cluster gives no vote yet (L14); its object falls asleep over that, and an alarm after 20 s has it wait in full. */
const NEW_MS = 20_000 + TTL_MAX_MS;
/** An object falls asleep 10 s after its last request. */
const REST_MS = 15_000;
const AT_ONCE = 16;
const VOTING_MS = 10_000;

type Pair = readonly [VotingNode, VotingNode];

export type AtSize = {
  readonly clusters: number;
  readonly memory: Memory;
  readonly diskKib: number;
  readonly votesPerSecond: number;
};

/** What so many idle clusters of two links each take of one runtime, and how many votes it gives over all of them; size by size. */
export async function manyClusters(
  sizes: readonly number[],
  reached: (size: AtSize) => void,
): Promise<{ readonly before: Memory }> {
  const witness = await ServedWitness.started();
  const pairs: Pair[] = [];
  let warmUp: Pair | undefined;
  try {
    warmUp = await connected(witness, 'warm-up');
    await sleep(NEW_MS + REST_MS);
    const before = memoryOf(witness.pid);
    for (const clusters of sizes) {
      while (pairs.length < clusters) pairs.push(await connected(witness, `branch-${pairs.length}`));
      await sleep(NEW_MS + REST_MS);
      const memory = memoryOf(witness.pid);
      const votes = await votesWithin(pairs);
      reached({ clusters, memory, diskKib: diskKib(witness.objects), votesPerSecond: votes / (VOTING_MS / 1_000) });
    }
    return { before };
  } finally {
    for (const node of [warmUp ?? [], ...pairs].flat()) node.close();
    await witness.dispose();
  }
}

async function connected(witness: ServedWitness, cluster: string): Promise<Pair> {
  await witness.createCluster(cluster);
  const node = async (name: string) => {
    const opened = new VotingNode(witness, { cluster, node: name, token: await witness.enroll(cluster, name) }, 'link');
    if ((await opened.hello())?.result.kind !== 'welcome') throw new Error(`${cluster} does not welcome ${name}`);
    return opened;
  };
  return [await node('a'), await node('b')];
}

/** Of each cluster one after the other, then all over again; each object is woken by its first. */
async function votesWithin(pairs: readonly Pair[]): Promise<number> {
  const endMs = performance.now() + VOTING_MS;
  let votes = 0;
  const lane = async (first: number): Promise<void> => {
    for (
      let index = first;
      performance.now() < endMs;
      index = index + AT_ONCE < pairs.length ? index + AT_ONCE : first
    ) {
      const answer = await pairs[index]?.[0].vote(1, 5_000);
      if (answer?.result.kind !== 'granted') throw new Error(`no vote: ${JSON.stringify(answer)}`);
      votes += 1;
    }
  };
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, pairs.length) }, (_, first) => lane(first)));
  return votes;
}

/** What the folder takes of the disk, in whole blocks. */
function diskKib(folder: string): number {
  return Number(execFileSync('du', ['-sk', folder], { encoding: 'utf8' }).split('\t')[0]);
}
