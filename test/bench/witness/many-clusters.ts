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

/** What `clusters` idle clusters take of one runtime, and how many votes it gives over all of them. */
export async function manyClusters(clusters: number): Promise<void> {
  const witness = await ServedWitness.started();
  try {
    await connected(witness, 'warm-up');
    await sleep(NEW_MS + REST_MS);
    const before = memoryOf(witness.pid);
    const pairs = await inTurn(clusters, (index) => connected(witness, `branch-${index}`));
    await sleep(NEW_MS + REST_MS);
    const after = memoryOf(witness.pid);
    tell('before', before);
    tell(`with ${clusters} clusters of two links each, at rest`, after);
    const perCluster = (of: keyof Memory) => `${((after[of] - before[of]) / clusters).toFixed(1)} KiB`;
    process.stdout.write(`per idle cluster: PSS ${perCluster('pssKib')}, RSS ${perCluster('rssKib')}\n`);

    const votes = await votesWithin(pairs);
    tell('after the votes', memoryOf(witness.pid));
    process.stdout.write(
      `${(votes / (VOTING_MS / 1_000)).toFixed(0)} votes a second, ${AT_ONCE} at once, the clients on the same machine\n`,
    );
    for (const pair of pairs) for (const node of pair) node.close();
  } finally {
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

async function inTurn<Made>(count: number, make: (index: number) => Promise<Made>): Promise<Made[]> {
  const made: Made[] = [];
  for (let index = 0; index < count; index += 1) made.push(await make(index));
  return made;
}

function tell(when: string, { pssKib, rssKib }: Memory): void {
  const mib = (kib: number) => `${(kib / 1_024).toFixed(1)} MiB`;
  process.stdout.write(`${when}: PSS ${mib(pssKib)}, RSS ${mib(rssKib)}\n`);
}
