import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Prober } from './prober.ts';
import { waitFor } from './process.ts';
import { SettledPair } from './settled-pair.ts';
import { DEFAULT_SCENARIO, other } from './system.ts';
import type { TiebreakAgent, TiebreakSystem } from './tiebreak.ts';
import type { HostName, Topology } from './topology.ts';

/** So that a busy machine by itself costs no lease, nor lets an owner ask the witness (whose vote takes a higher ballot). */
const SCENARIO = { ...DEFAULT_SCENARIO, advertisementIntervalMs: 4_000 };
/** Longer than any lease: what a change would have cost is seen by then. */
const WATCHED_MS = 2_500;
const ADDED = '10.77.0.101/24';
const OTHER_ADDRESS = '10.77.0.110/24';

let pair: SettledPair;
let topology: Topology;
let system: TiebreakSystem;
let prober: Prober;
let owner: HostName;
let fromUs: number;

beforeEach(async () => {
  pair = await SettledPair.start(SCENARIO);
  ({ topology, system, prober } = pair);
  // Both stood at about the same time: the one that lost may have taken the number of ballots up.
  await sleep(WATCHED_MS);
  owner = await pair.owner();
  fromUs = prober.nowUs();
});

afterEach(() => pair?.close());

async function ballot(host: HostName): Promise<unknown> {
  const { role, ballot: held } = (await system.agents[host].group()) ?? {};
  return { role, held };
}

/** Changes the file and has it reloaded; whatever the change, the owner stays with its ballot. */
async function reloaded(agent: TiebreakAgent, change: (text: string) => string): Promise<string> {
  const before = await ballot(owner);
  agent.rewrite(change);
  const { taken, text } = await agent.reload();
  expect(text).toContain('reloaded');
  expect(taken).toBe(true);
  expect(await ballot(owner)).toEqual(before);
  return text;
}

/** No echo of the untouched address was lost, and it never moved. */
async function expectNothingLost(): Promise<void> {
  await sleep(WATCHED_MS);
  expect(pair.seenSince(fromUs)).toMatchObject({
    before: owner,
    after: owner,
    moved: false,
    twoOwnersMs: 0,
    client: { lost: 0 },
  });
}

async function addressesOf(host: HostName, device: string): Promise<string> {
  return topology.inside(host, 'ip', ['-br', 'address', 'show', 'dev', device]);
}

async function answers(address: string): Promise<boolean> {
  return topology.inside('client', 'ping', ['-c1', '-W1', address.split('/')[0] ?? '']).then(
    () => true,
    () => false,
  );
}

const withAddress = (text: string) => text.replace('"10.77.0.100/24"', `"10.77.0.100/24", "${ADDED}"`);
const withElsewhere = (text: string) =>
  text.replace(`"${ADDED}"`, `{ address = "${ADDED}", interface = "eth1", advertised = false }`);
const withoutAddress = (text: string) => text.replace(/, (\{ address = )?"10\.77\.0\.101\/24"[^}\]]*\}?/, '');
const secondGroup = (text: string) => {
  const group = text.slice(text.indexOf('[[group]]'));
  return `${text}\n${group.replace('"edge"', '"web"').replace('= 33', '= 34').replace('10.77.0.100/24', OTHER_ADDRESS)}`;
};
const withoutSecondGroup = (text: string) => text.slice(0, text.lastIndexOf('[[group]]'));

test('an owner goes over to other priorities, addresses, checks and groups, and nothing is lost', async () => {
  const agent = system.agents[owner];
  const peer = system.agents[other(owner)];
  await reloaded(agent, (text) => text.replace(/priority = \d+/, 'priority = 150'));
  expect((await agent.group())?.virtual_routers[0]?.priority).toBe(150);

  await reloaded(agent, withAddress);
  expect(await addressesOf(owner, 'eth0')).toContain(ADDED);
  expect(await answers(ADDED)).toBe(true);
  await reloaded(peer, withAddress);
  expect(await addressesOf(other(owner), 'eth0')).not.toContain(ADDED);

  await reloaded(agent, withElsewhere);
  expect(await addressesOf(owner, 'eth0')).not.toContain(ADDED);
  expect(await addressesOf(owner, 'eth1')).toContain(ADDED);
  await reloaded(agent, withoutAddress);
  await reloaded(peer, withoutAddress);
  expect(await addressesOf(owner, 'eth1')).not.toContain(ADDED);

  await reloaded(agent, (text) =>
    text.replace('[[group.virtual_router]]', '[[group.check]]\nname = "web"\npush = true\n[[group.virtual_router]]'),
  );
  expect((await agent.group())?.checks).toMatchObject([{ name: 'web', state: 'unknown' }]);
  await reloaded(agent, (text) => text.replaceAll('"4000ms"', '"3000ms"'));
  await reloaded(peer, (text) => text.replaceAll('"4000ms"', '"3000ms"'));
  await expectNothingLost();
  expect(agent.log()).not.toContain('a bug');
});

test('a second group comes and goes, and the first one does not notice', async () => {
  for (const host of ['a', 'b'] as const)
    expect(await reloaded(system.agents[host], secondGroup)).toContain('added: web');
  const second = async (host: HostName) =>
    (await system.agents[host].status())?.groups.find(({ name }) => name === 'web');
  const web = await waitFor('the second group is owned', 60_000, async () => {
    const both = [await second('a'), await second('b')];
    return both.find((group) => group?.role === 'active');
  });
  expect(web.owner).not.toBeNull();
  expect(await answers(OTHER_ADDRESS)).toBe(true);
  for (const host of ['a', 'b'] as const) {
    expect(await reloaded(system.agents[host], withoutSecondGroup)).toContain('removed: web');
    expect(await second(host)).toBeUndefined();
    expect(await addressesOf(host, 'eth0')).not.toContain('10.77.0.110');
  }
  expect(await answers(OTHER_ADDRESS)).toBe(false);
  const fence = await topology.inside(owner, 'nft', ['list', 'ruleset']);
  expect(fence).not.toContain('10.77.0.110');
  await expectNothingLost();
});

test('a key is rotated without a restart', async () => {
  const keyFile = join(topology.folderOf('secrets'), 'edge.key');
  const former = readFileSync(keyFile, 'utf8');
  const next = `2 ${randomBytes(32).toString('hex')}\n`;
  await system.witness?.stop();
  for (const content of [`${former}${next}`, `${next}${former}`, next]) {
    writeFileSync(keyFile, content, { mode: 0o600 });
    for (const host of ['a', 'b'] as const) await reloaded(system.agents[host], (text) => text);
    await sleep(WATCHED_MS);
  }
  await expectNothingLost();
  expect((await system.agents[owner].group())?.peers[0]?.state).toBe('heard');
});

test('a bad file is refused, as by tiebreak check, and so is what cannot change while the agent runs', async () => {
  const agent = system.agents[owner];
  const good = readFileSync(agent.configurationFile, 'utf8');
  const before = await ballot(owner);
  agent.rewrite((text) => text.replace('priority =', 'pririty ='));
  const bad = await agent.reload();
  expect(bad.taken).toBe(false);
  expect(bad.text).toMatch(/tiebreak\.toml:\d+:\d+ .*pririty: unknown key/);
  expect(await agent.metrics()).toContain('tiebreak_config_last_reload_successful 0');
  expect((await agent.status())?.config?.last_reload).toMatchObject({ ok: false });

  agent.rewrite(() =>
    good.replace('[[group]]', '[[group]]\nsideband_port = 4000').replace(/priority = \d+/, 'priority = 150'),
  );
  agent.hangUp();
  await waitFor('the log tells of it', 5_000, () =>
    agent.log().includes('sideband_port cannot change') ? true : undefined,
  );
  // What a group that comes anew has promised in an earlier run is found before anything changes.
  const [, stateDir = ''] = /^state_dir = "(.*)"$/m.exec(good) ?? [];
  writeFileSync(join(stateDir, 'promises-web.json'), 'damaged');
  agent.rewrite(() => secondGroup(good));
  const damaged = await agent.reload();
  expect(damaged.taken).toBe(false);
  expect(damaged.text).toContain('promises-web.json: is damaged');

  agent.rewrite(() => good);
  expect(await agent.reload()).toMatchObject({ taken: true });
  expect(await ballot(owner)).toEqual(before);
  await expectNothingLost();
});

test('an engine that is killed after a reload is followed by one with the same configuration, whatever the file says', async () => {
  const agent = system.agents[owner];
  await reloaded(agent, withAddress);
  agent.rewrite(() => 'this is no configuration');
  const pid = await agent.enginePid();
  process.kill(pid, 'SIGKILL');
  const status = await waitFor('the next engine', 15_000, async () => {
    const now = await agent.status();
    return now !== undefined && now.process.engine_pid !== pid ? now : undefined;
  });
  expect(status.groups[0]?.virtual_routers[0]?.addresses).toContain(ADDED);
  expect((await agent.reload()).taken).toBe(false);
});
