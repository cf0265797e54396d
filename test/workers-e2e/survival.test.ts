import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { TTL_MAX_MS } from '@tiebreak/shared/lease';
import { expect, type TestContext, test } from 'vitest';
import { Random } from '../../agent/simulation/random.ts';
import { ServedWitness } from '../served-witness/served-witness.ts';
import { type Answer, VotingNode } from '../served-witness/voting-node.ts';
import { VotingPair } from './survival/voters.ts';

const KILLS = 100;
const CLUSTERS = 6;
const CLUSTER = 'branch';
const BETWEEN_KILLS_MS = { min: 20, max: 500 };
const TIMEOUT_MS = 120_000;
/** A timer may be this late on a busy machine; never early. */
const LATE_MS = 3_000;
const VIOLATIONS_SHOWN = 10;
const SEED = 20_261_129;

/** Of the tests that run side by side, each has its own. */
async function served({ onTestFinished }: TestContext): Promise<ServedWitness> {
  const witness = await ServedWitness.started();
  onTestFinished(() => witness.dispose());
  return witness;
}

async function node({ onTestFinished }: TestContext, witness: ServedWitness, name: string): Promise<VotingNode> {
  const token = await witness.enroll(CLUSTER, name);
  const enrolled = new VotingNode(witness, { cluster: CLUSTER, node: name, token }, 'https');
  onTestFinished(() => enrolled.close());
  // Brings the first stamp: without one everything is stale.
  await enrolled.hello();
  return enrolled;
}

function answer(given: Answer | null): Answer {
  if (given === null) throw new Error('no answer');
  return given;
}

/** Asks as often as an agent would that believes nothing, until it is granted. */
async function granted(voter: VotingNode, counter: number): Promise<Answer> {
  const deadlineMs = performance.now() + TTL_MAX_MS + LATE_MS;
  for (;;) {
    const given = answer(await voter.vote(counter, 5_000));
    if (given.result.kind === 'granted') return given;
    if (performance.now() > deadlineMs) throw new Error(`not granted in time: ${JSON.stringify(given.result)}`);
    await sleep(50);
  }
}

test.concurrent(
  'killed a hundred times in the middle of votes: never two at once, and nothing is forgotten (L11, L12, L14)',
  async (context) => {
    const witness = await served(context);
    const random = new Random(SEED);
    const pairs: VotingPair[] = [];
    for (let index = 0; index < CLUSTERS; index += 1) {
      pairs.push(await VotingPair.enrolled(witness, `branch-${index}`, random));
    }
    context.onTestFinished(() => {
      for (const pair of pairs) pair.close();
    });
    await sleep(TTL_MAX_MS);

    const stop = new AbortController();
    const voting = Promise.all(pairs.map((pair) => pair.vote(stop.signal)));
    let underWay = 0;
    const kill = async () => {
      // Somewhere between a request's sending and its answer.
      while (pairs.every((pair) => pair.underWay === 0)) await setImmediate();
      await sleep(random.between(0, 2));
      const killedAtMs = performance.now();
      underWay += pairs.reduce((sum, pair) => sum + pair.underWay, 0);
      await witness.kill();
      const startingAtMs = performance.now();
      for (const { ledger } of pairs) ledger.restarted(killedAtMs, startingAtMs);
      await witness.start();
    };
    for (let kills = 0; kills < KILLS; kills += 1) {
      await Promise.race([sleep(random.between(BETWEEN_KILLS_MS.min, BETWEEN_KILLS_MS.max)), voting]);
      await kill();
    }
    // What the last kill has left held is given to the other node again, so nothing is bound for ever.
    await sleep(TTL_MAX_MS + 1_000);
    stop.abort();
    await voting;

    const ledgers = pairs.map(({ ledger }) => ledger);
    const sum = (of: (ledger: (typeof ledgers)[number]) => number) =>
      ledgers.reduce((total, each) => total + of(each), 0);
    const counted = {
      underWay,
      grants: sum((each) => each.grants),
      changes: sum((each) => each.changesOfOwner),
      heldAtKill: sum((each) => each.heldAtKill),
    };
    expect(ledgers.flatMap(({ violations }) => violations).slice(0, VIOLATIONS_SHOWN)).toEqual([]);
    for (const pair of pairs) expect(await witness.createCluster(pair.cluster)).toBe(pair.witnessId);
    // Or nothing of the above was put to the test.
    expect(counted.underWay).toBeGreaterThan(KILLS / 2);
    expect(counted.heldAtKill).toBeGreaterThan(KILLS);
    expect(counted.changes).toBeGreaterThan(KILLS);
  },
  TIMEOUT_MS,
);

test.concurrent(
  'what the rules say about one kill: a held vote waits, a free one does not, a new storage waits once (L11, L12)',
  async (context) => {
    const witness = await served(context);
    const createdAtMs = performance.now();
    const witnessId = await witness.createCluster(CLUSTER);
    const [a, b] = [await node(context, witness, 'a'), await node(context, witness, 'b')];
    expect(answer(await a.vote(1, 5_000)).result).toMatchObject({ kind: 'refused', reason: 'recovering' });
    const first = await granted(a, 1);
    expect(first.answeredMs - createdAtMs).toBeGreaterThanOrEqual(TTL_MAX_MS);
    await a.release(1);

    await witness.kill();
    await witness.start();
    const second = answer(await b.vote(2, 200));
    expect(second.result).toMatchObject({ kind: 'granted' });

    await witness.kill();
    const startingAtMs = performance.now();
    await witness.start();
    const refusal = answer(await a.vote(3, 5_000));
    expect(refusal.result).toMatchObject({ kind: 'refused', reason: 'recovering', holder: 'b' });
    const third = await granted(a, 4);
    expect(third.answeredMs - startingAtMs).toBeGreaterThanOrEqual(TTL_MAX_MS);
    expect(third.serial).toBeGreaterThan(second.serial);
    expect(await witness.createCluster(CLUSTER)).toBe(witnessId);
  },
  TIMEOUT_MS,
);

test.concurrent(
  'storage that was put back to an older state: whoever shows the later serial makes it wait (L14)',
  async (context) => {
    const witness = await served(context);
    await witness.createCluster(CLUSTER);
    const [a, b] = [await node(context, witness, 'a'), await node(context, witness, 'b')];
    await granted(a, 1);
    await a.release(1);
    await witness.stop();
    const copy = mkdtempSync(join(tmpdir(), 'tb-copy-'));
    context.onTestFinished(() => rmSync(copy, { recursive: true }));
    cpSync(witness.objects, copy, { recursive: true });

    await witness.start();
    const held = await granted(a, 2);
    // It sees the later serial by being refused.
    expect(answer(await b.vote(3, 5_000)).result).toMatchObject({ reason: 'bound', holder: 'a' });
    await witness.kill();
    rmSync(witness.objects, { recursive: true });
    cpSync(copy, witness.objects, { recursive: true });

    const startingAtMs = performance.now();
    await witness.start();
    expect(answer(await b.vote(3, 5_000)).result).toMatchObject({ kind: 'refused', reason: 'recovering' });
    // Not even its holder: what it holds is forgotten here.
    expect(answer(await a.vote(2, 5_000)).result).toMatchObject({ kind: 'refused', reason: 'recovering' });
    const next = await granted(b, 4);
    expect(next.answeredMs - startingAtMs).toBeGreaterThanOrEqual(TTL_MAX_MS);
    expect(next.serial).toBeGreaterThan(held.serial);
    expect(answer(await a.vote(5, 5_000)).result).toMatchObject({ reason: 'bound', holder: 'b' });
  },
  TIMEOUT_MS,
);
