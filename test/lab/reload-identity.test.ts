import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TTL_MAX_MS } from '@tiebreak/shared/lease';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { linkCut } from './faults.ts';
import type { Prober } from './prober.ts';
import { waitFor } from './process.ts';
import { SettledPair } from './settled-pair.ts';
import { DEFAULT_SCENARIO, other } from './system.ts';
import { CLUSTER, type TiebreakAgent, type TiebreakSystem } from './tiebreak.ts';
import { type HostName, NETWORK, type Topology } from './topology.ts';
import { LocalWitness } from './witness.ts';

// What the nodes must agree on changes while the group is owned (L16).

const SCENARIO = { ...DEFAULT_SCENARIO, advertisementIntervalMs: 1_000 };
/** Longer than any lease: whoever owns after that owns by a vote of the witness. */
const CUT_MS = 6_000;
const SECOND_ADDRESS = '198.18.7.52';
const HOSTS = ['a', 'b'] as const;

let pair: SettledPair;
let topology: Topology;
let system: TiebreakSystem;
let prober: Prober;
let owner: HostName;
let fromUs: number;

beforeEach(async () => {
  pair = await SettledPair.start(SCENARIO);
  ({ topology, system, prober } = pair);
  owner = await pair.owner();
  fromUs = prober.nowUs();
});

afterEach(() => pair?.close());

async function reloaded(host: HostName): Promise<void> {
  expect(await system.agents[host].reload()).toMatchObject({ taken: true });
}

async function reasonAt(host: HostName): Promise<string> {
  return (await system.agents[host].group())?.reason ?? '';
}

/** Both nodes go by what is configured, and nobody waits for anything. */
async function agreed(): Promise<void> {
  await waitFor('both nodes go by the new configuration', 20_000, async () =>
    HOSTS.every((host) => system.agents[host].log().includes('goes by the new witness and policy')) ? true : undefined,
  );
  await pair.settle();
}

/** The address never moved, and no echo of it was lost. */
function expectNothingLost(): void {
  expect(pair.seenSince(fromUs)).toMatchObject({
    before: owner,
    after: owner,
    moved: false,
    twoOwnersMs: 0,
    client: { lost: 0 },
  });
}

/** The owner outlives a cut by a vote of the witness that it goes by. */
async function outliveCut(): Promise<void> {
  const cut = linkCut(topology);
  await cut.inject();
  await sleep(CUT_MS);
  const votes = (await system.agents[owner].group())?.quorum.votes;
  expect(votes).toContainEqual(expect.objectContaining({ voter: 'witness', state: 'granted' }));
  await cut.heal();
  await pair.settle();
}

const BIAS = `bias_promise = "${SCENARIO.biasPromiseMs}ms"`;
const SAFE = 'policy = "safe"';
const withPolicy = (text: string) => text.replace(BIAS, SAFE);

/** A second deployment, for which both nodes are enrolled; returns what makes an agent's file lead there. */
async function secondWitness(): Promise<(host: HostName) => (text: string) => string> {
  await topology.inside('witness', 'sysctl', ['-qw', 'net.ipv4.conf.all.promote_secondaries=1']);
  await topology.ip('witness', [`addr add ${SECOND_ADDRESS}/24 dev ${NETWORK.uplinkInterface}`]);
  const witness = await LocalWitness.create(topology, SECOND_ADDRESS, 'witness-2');
  await witness.createCluster(CLUSTER);
  const fileOf = (host: HostName) => join(topology.folderOf('secrets'), `${host}-2.token`);
  for (const host of HOSTS) writeFileSync(fileOf(host), `${await witness.enrol(CLUSTER, host)}\n`, { mode: 0o600 });
  // A new one votes for nobody before TTL_MAX has passed: it cannot know what it has forgotten.
  await sleep(TTL_MAX_MS);
  return (host) => (text) =>
    text
      .replace(/^url = .*$/m, `url = "${witness.url}"`)
      .replace(/^token_file = .*$/m, `token_file = "${fileOf(host)}"`);
}

/** Only the second one is within reach from now on. */
async function loseFirstWitness(): Promise<void> {
  await topology.ip('witness', [`addr del ${NETWORK.witness.uplink}/24 dev ${NETWORK.uplinkInterface}`]);
}

test('the policy changes on one node after the other, and back before the other has it', async () => {
  const [first, second] = [owner, other(owner)];
  system.agents[first].rewrite(withPolicy);
  await reloaded(first);
  expect(await reasonAt(first)).toContain(`until ${second} has been reloaded too`);
  expect(await reasonAt(second)).toBe('');
  await outliveCut();

  system.agents[first].rewrite((text) => text.replace(SAFE, BIAS));
  await reloaded(first);
  expect(await reasonAt(first)).toBe('');
  expect(system.agents[first].log()).toContain('stays with the witness and policy that it has');

  for (const host of [second, first]) {
    system.agents[host].rewrite(withPolicy);
    await reloaded(host);
  }
  await agreed();
  await outliveCut();
  expectNothingLost();
});

test('the witness changes: each node asks the one of before until both can ask the new one', async () => {
  const leadToSecond = await secondWitness();
  const [first, second] = [other(owner), owner];
  system.agents[first].rewrite(leadToSecond(first));
  await reloaded(first);
  await outliveCut();
  expect(await reasonAt(first)).toContain(`until ${second} has been reloaded too`);

  system.agents[second].rewrite(leadToSecond(second));
  await reloaded(second);
  await agreed();
  await loseFirstWitness();
  await outliveCut();
  expectNothingLost();
});

test('an engine that dies on the way goes on from where it was, and so does an agent that is stopped', async () => {
  const leadToSecond = await secondWitness();
  const [first, second] = [other(owner), owner];
  const agent: TiebreakAgent = system.agents[first];
  agent.rewrite(leadToSecond(first));
  await reloaded(first);
  const pid = await agent.enginePid();
  process.kill(pid, 'SIGKILL');
  await waitFor('the next engine', 30_000, async () => ((await agent.enginePid()) === pid ? undefined : true));
  await waitFor('it votes', 30_000, async () => ((await agent.group())?.role === 'backup' ? true : undefined));
  expect(await reasonAt(first)).toContain(`until ${second} has been reloaded too`);
  await agent.terminate();
  await agent.start();
  await waitFor('it is back', 30_000, async () => ((await agent.group())?.role === 'backup' ? true : undefined));
  expect(await reasonAt(first)).toContain(`until ${second} has been reloaded too`);

  system.agents[second].rewrite(leadToSecond(second));
  await reloaded(second);
  await agreed();
  await loseFirstWitness();
  await outliveCut();
  expectNothingLost();
});
