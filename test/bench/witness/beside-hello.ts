import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { TTL_MAX_MS } from '@tiebreak/shared/lease';
import { z } from 'zod';
import { RequestPath, SocketPath, type WitnessPath } from '../../served-witness/paths.ts';
import { ServedWitness } from '../../served-witness/served-witness.ts';
import { type Answer, VotingNode } from '../../served-witness/voting-node.ts';
import { quantile } from '../figures.ts';

const PER_RUN = 4_000;
/**
 * So many of one, then of the other. By itself each has all caches to itself, and the client of a vote, which builds requests
 * and verifies answers, leaves less of them than the client of a hello. One by one, both find what the other has left.
 */
const IN_TURN = [200, 1] as const;
/** Until the compilers of both processes have nothing left to do that shows. */
const WARM_UP = 4_000;
const ENTRY = fileURLToPath(new URL('hello-worker.ts', import.meta.url));

type Ask = () => Promise<number>;
type Measured = { readonly p50: number; readonly p99: number };

const Way = z.literal(['link', 'https']);
const Milliseconds = z.number().positive();

/** The runs' figures of a vote and of the bare object. */
const Compared = z.strictObject({
  way: Way,
  /** So many of one, then of the other. */
  inTurn: z.int(),
  part: z.literal(['p50', 'p99']),
  hello: z.array(Milliseconds),
  renewal: z.array(Milliseconds),
});
export type Compared = z.infer<typeof Compared>;

const Comparing = z.strictObject({ runs: z.int(), ways: z.array(Way) });
type Comparing = z.infer<typeof Comparing>;

/**
 * In a process of its own, where nothing was measured before, with so much room for what is new that it hardly collects: the
 * client of a vote leaves more garbage than that of a hello, and would measure its own collections.
 */
export async function besideHello(comparing: Comparing): Promise<Compared[]> {
  const client = fork(fileURLToPath(import.meta.url), [JSON.stringify(comparing)], {
    execArgv: ['--min-semi-space-size=64', '--max-semi-space-size=64'],
  });
  let compared: unknown;
  client.once('message', (message) => {
    compared = message;
  });
  const end = () => client.kill();
  process.once('exit', end);
  try {
    const [exitCode] = await once(client, 'exit');
    if (exitCode !== 0) throw new Error(`the client that votes ended with ${exitCode}, and said why above`);
    return z.array(Compared).parse(compared);
  } finally {
    process.off('exit', end);
  }
}

/** In turn, in one runtime. */
async function compareAll({ runs, ways }: Comparing): Promise<Compared[]> {
  const compared: Compared[] = [];
  const witness = await ServedWitness.started({ entry: ENTRY, configured: withHello });
  try {
    await witness.createCluster('bench');
    const voters = {
      link: await voter(witness, 'a', 'link'),
      https: await voter(witness, 'b', 'https'),
    };
    for (const way of ways) {
      const path =
        way === 'link'
          ? new SocketPath({ url: `${witness.origin.replace('http', 'ws')}/hello`, token: '' })
          : new RequestPath({ origin: witness.origin, path: '/hello', token: '' });
      const { counter, renewal } = await renewing(voters[way]);
      for (const inTurn of IN_TURN) {
        compared.push(...(await compare({ way, inTurn, runs }, helloOver(path), renewal)));
      }
      await voters[way].release(counter);
      path.close();
      voters[way].close();
    }
    return compared;
  } finally {
    await witness.dispose();
  }
}

type Comparison = { readonly way: Compared['way']; readonly inTurn: number; readonly runs: number };

async function compare({ way, inTurn, runs }: Comparison, hello: Ask, renewal: Ask): Promise<Compared[]> {
  await batch(hello, WARM_UP);
  await batch(renewal, WARM_UP);
  const measured: { hello: Measured; renewal: Measured }[] = [];
  for (let run = 0; run < runs; run += 1) {
    const samples = { hello: [] as number[], renewal: [] as number[] };
    for (let done = 0; done < PER_RUN; done += inTurn) {
      samples.hello.push(...(await batch(hello, inTurn)));
      samples.renewal.push(...(await batch(renewal, inTurn)));
    }
    measured.push({ hello: figures(samples.hello), renewal: figures(samples.renewal) });
  }
  return (['p50', 'p99'] as const).map((part) => ({
    way,
    inTurn,
    part,
    hello: measured.map((run) => run.hello[part]),
    renewal: measured.map((run) => run.renewal[part]),
  }));
}

async function voter(witness: ServedWitness, node: string, way: 'https' | 'link'): Promise<VotingNode> {
  const enrolled = { cluster: 'bench', node, token: await witness.enroll('bench', node) };
  return new VotingNode(witness, enrolled, way);
}

async function renewing(voter: VotingNode): Promise<{ counter: number; renewal: Ask }> {
  await voter.hello();
  // A new cluster waits first (L14); the object must not fall asleep over it.
  const deadlineMs = performance.now() + 2 * TTL_MAX_MS;
  let counter = 1;
  for (;;) {
    const { result } = await asked(voter, counter);
    if (result.kind === 'granted') break;
    if (performance.now() > deadlineMs) throw new Error(`no vote: ${JSON.stringify(result)}`);
    if (result.kind === 'refused') counter = result.highest.counter + 1;
    await sleep(200);
  }
  const renewal = async () => {
    const { result, roundTripMs } = await asked(voter, counter);
    if (result.kind !== 'granted') throw new Error(`not renewed: ${JSON.stringify(result)}`);
    return roundTripMs;
  };
  return { counter, renewal };
}

async function asked(voter: VotingNode, counter: number): Promise<Answer> {
  const answer = await voter.vote(counter, 5_000);
  if (answer === null) throw new Error('the vote was not answered');
  return answer;
}

function helloOver(path: WitnessPath): Ask {
  return async () => {
    const startedMs = performance.now();
    const text = await path.ask('hello');
    const roundTripMs = performance.now() - startedMs;
    if (text !== 'hello') throw new Error(`no hello: ${text}`);
    return roundTripMs;
  };
}

async function batch(ask: Ask, times: number): Promise<number[]> {
  const samples: number[] = [];
  for (let count = 0; count < times; count += 1) samples.push(await ask());
  return samples;
}

function figures(samples: readonly number[]): Measured {
  return { p50: quantile(samples, 0.5), p99: quantile(samples, 0.99) };
}

function withHello(config: string): string {
  const [namespaces, bindings] = ['durableObjectNamespaces = [', 'bindings = ['];
  return config
    .replace(namespaces, `${namespaces}(className = "HelloObject", uniqueKey = "bench-hello", enableSql = true), `)
    .replace(`\n  ${bindings}`, `\n  ${bindings}(name = "HELLO", durableObjectNamespace = "HelloObject"), `);
}

if (import.meta.main) {
  process.send?.(await compareAll(Comparing.parse(JSON.parse(process.argv[2] ?? ''))));
}
