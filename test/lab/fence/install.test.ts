import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { HOLDER_MAC, type Holder, ip, Namespaces, run, VIRTUAL_ADDRESS } from './namespaces.ts';

const GROUP = 7;
const OTHER_GROUP = 8;
const OTHER_ADDRESS = '10.77.0.101';
const LEASE_MS = 10_000;

const options = {
  groups: [
    { id: GROUP, addresses: [VIRTUAL_ADDRESS], virtualRouters: [], gatewayInterfaces: [], intervalUs: 250_000 },
    { id: OTHER_GROUP, addresses: [OTHER_ADDRESS], virtualRouters: [], gatewayInterfaces: [], intervalUs: 250_000 },
  ],
  interfaces: ['eth0'],
  sideband: [],
};

let namespaces: Namespaces;

beforeEach(async () => {
  namespaces = await Namespaces.create('i');
});

afterEach(() => namespaces.remove());

async function installed(holder = namespaces.start()): Promise<Holder> {
  expect(await holder.ask({ do: 'install', options })).toEqual({ ok: true, level: 'full' });
  return holder;
}

const open = (holder: Holder, group = GROUP) => holder.ask({ do: 'open', group, leaseMs: LEASE_MS });
const refresh = (holder: Holder, group = GROUP) => holder.ask({ do: 'refresh', group, leaseMs: LEASE_MS });
const close = (holder: Holder) => holder.ask({ do: 'close', group: GROUP });

/** A table of the fence's name that belongs to another program for as long as that runs: the kernel refuses ours. */
async function occupyTable(): Promise<() => Promise<void>> {
  const owner = spawn('ip', ['netns', 'exec', namespaces.holder, 'nft', '-i'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  owner.stdin.write('add table inet tiebreak { flags owner; }\n');
  while (!(await run(namespaces.holder, 'nft', 'list', 'tables')).includes('tiebreak')) await sleep(20);
  return async () => {
    owner.stdin.end();
    await once(owner, 'exit');
  };
}

it('a second agent in the same namespace is refused, and the first one keeps its fence', async () => {
  const first = await installed();
  await open(first);
  const second = await namespaces.start().ask({ do: 'install', options });
  expect(second).toEqual({ ok: false, level: 'none', text: expect.stringContaining('Another tiebreak agent') });
  expect(await refresh(first)).toMatchObject({ confirmed: true });
});

it('agents in two namespaces of one host do not meet', async () => {
  const one = await installed();
  const other = await installed(namespaces.start(namespaces.client));
  await open(one);
  await open(other);
  expect(await close(one)).toEqual({ confirmed: true, by: 'packet' });
  expect(await refresh(other)).toMatchObject({ confirmed: true });
  expect(await refresh(one)).toMatchObject({ reason: 'expired' });
});

it('what a killed agent left open is closed by the next installation', async () => {
  const killed = await installed();
  await open(killed);
  expect(await namespaces.answersEcho()).toBe(true);
  await killed.kill();
  await installed();
  expect(await namespaces.answersEcho()).toBe(false);
});

it('tables are replaced without a moment in which the host would answer', async () => {
  const holder = await installed();
  await ip(`-n ${namespaces.client} neigh replace ${VIRTUAL_ADDRESS} lladdr ${HOLDER_MAC} nud permanent dev eth0`);
  const flood = ['bash', '-c', `ping -qn -i 0.002 -w 2 ${VIRTUAL_ADDRESS} || true`];
  const counting = run(namespaces.client, ...flood);
  for (let round = 0; round < 15; round += 1) expect(await holder.ask({ do: 'recreate' })).toEqual({ ok: true });
  expect(await counting).toMatch(/^[1-9]\d{2,} packets transmitted, 0 received/m);
});

it('after another program flushed the ruleset, refresh is not confirmed and close makes the tables anew', async () => {
  const holder = await installed();
  await open(holder);
  await open(holder, OTHER_GROUP);
  await run(namespaces.holder, 'nft', 'flush', 'ruleset');
  expect(await holder.ask({ do: 'isIntact' })).toBe(false);
  expect(await refresh(holder)).toMatchObject({ confirmed: false, reason: 'not_armed' });
  expect(await close(holder)).toEqual({ confirmed: true, by: 'replacement', alsoClosed: [OTHER_GROUP] });
  expect(await namespaces.answersEcho()).toBe(false);
  expect(await refresh(holder, OTHER_GROUP)).toMatchObject({ reason: 'expired' });
  expect(await holder.ask({ do: 'isIntact' })).toBe(true);
  expect(await open(holder)).toMatchObject({ confirmed: true });
});

it('after rules alone were flushed, with the sets left, a close is not taken on trust either', async () => {
  const holder = await installed();
  await open(holder);
  await run(namespaces.holder, 'nft', 'flush', 'table', 'inet', 'tiebreak');
  expect(await close(holder)).toMatchObject({ confirmed: true, by: 'replacement' });
  expect(await namespaces.answersEcho()).toBe(false);
});

it('an act that was not confirmed must be settled by a close before another', async () => {
  const holder = await installed();
  await open(holder);
  await run(namespaces.holder, 'nft', 'flush', 'set', 'netdev', 'tiebreak', 'alive');
  expect(await refresh(holder)).toMatchObject({ confirmed: false, reason: 'not_confirmed' });
  expect(await refresh(holder)).toMatchObject({ confirmed: false, reason: 'unsettled' });
  expect(await open(holder)).toMatchObject({ confirmed: false, reason: 'unsettled' });
  expect(await close(holder)).toEqual({ confirmed: true, by: 'packet' });
  expect(await open(holder)).toMatchObject({ confirmed: true });
});

it('tables cannot be made anew: close is not confirmed', async () => {
  const holder = await installed();
  await open(holder);
  await run(namespaces.holder, 'nft', 'flush', 'ruleset');
  const release = await occupyTable();
  expect(await close(holder)).toEqual({ confirmed: false, text: expect.stringContaining('cannot be closed') });
  await release();
});

it('a lease that is about to end opens nothing', async () => {
  const holder = await installed();
  const answer = await holder.ask({ do: 'open', group: GROUP, leaseMs: 40 });
  expect(answer).toMatchObject({ confirmed: false, reason: 'lease_too_short' });
  expect(await namespaces.answersEcho()).toBe(false);
});

it('an interface that went and came again is covered again', async () => {
  const holder = await installed();
  await ip(`-n ${namespaces.holder} link del eth0`);
  await ip(
    `-n ${namespaces.holder} link add eth0 address ${HOLDER_MAC} type veth peer name eth0 netns ${namespaces.client}`,
  );
  expect(await holder.ask({ do: 'addInterface', name: 'eth0' })).toEqual({ ok: true });
  await ip(`-n ${namespaces.holder} addr add ${VIRTUAL_ADDRESS}/24 dev eth0`);
  await ip(`-n ${namespaces.holder} link set eth0 up`);
  await ip(`-n ${namespaces.client} addr add 10.77.0.9/24 dev eth0`);
  await ip(`-n ${namespaces.client} link set eth0 up`);
  expect(await namespaces.answersArp()).toBe(false);
  await open(holder);
  expect(await namespaces.answersArp()).toBe(true);
});

it('tables are made anew although an interface has gone', async () => {
  const holder = await installed();
  await ip(`-n ${namespaces.holder} link del eth0`);
  expect(await holder.ask({ do: 'recreate' })).toEqual({ ok: true });
});

it('a process without CAP_NET_ADMIN is told so', async () => {
  const holder = namespaces.start(namespaces.holder, ['setpriv', '--reuid', '65534', '--clear-groups', '--']);
  const answer = await holder.ask({ do: 'install', options });
  expect(answer).toEqual({ ok: false, level: 'none', text: expect.stringContaining('CAP_NET_ADMIN') });
});

it('a host whose own rules drop UDP on lo is told so, and nothing is left behind', async () => {
  const own = [
    'table inet own {',
    'chain in {',
    'type filter hook input priority 0',
    'iif lo udp dport 1024-65535 drop',
    '}',
    '}',
  ];
  await run(namespaces.holder, 'nft', own.join('\n'));
  const answer = await namespaces.start().ask({ do: 'install', options });
  expect(answer).toEqual({ ok: false, level: 'none', text: expect.stringContaining('drop UDP on lo') });
  expect(await run(namespaces.holder, 'nft', 'list', 'tables')).not.toContain('tiebreak');
});

it('remove leaves no table behind', async () => {
  const holder = await installed();
  expect(await holder.ask({ do: 'remove' })).toEqual({ ok: true });
  expect(await run(namespaces.holder, 'nft', 'list', 'tables')).toBe('');
});
