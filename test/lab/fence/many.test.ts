import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { FencedGroup, FenceOptions } from '../../../agent/kernel/fence/index.ts';
import { advertisement } from './frames.ts';
import type { Command } from './holder.ts';
import { CLIENT_ADDRESS, HOLDER_ADDRESS, type Holder, ip, Namespaces, run } from './namespaces.ts';

// One group of many virtual routers, with four addresses for each VRID. The holder takes every address of two prefixes for
// its own, and counts what the fence lets through to it.

const SECRET = 'a1b2c3d4e5f60718293a4b5c6d7e8f90';
const GROUP = 33;
const ROUTERS = 250;
const SENTINEL_MS = 31;
const WAIT_MS = 31;
const LEASE_MS = 10_000;
/** Longer than the client needs to ask for every address. */
const LIFETIME_MS = 1_500;
const STEP = LIFETIME_MS / 4;
const TOOK_EFFECT = { returned: true };
const REFUSED = expect.objectContaining({ returned: false });

const addressesOf = (router: number) => [
  `10.78.0.${router}`,
  `10.78.1.${router}`,
  `fd78::${router}`,
  `fd78::1:${router}`,
];

function group(routers: number): FencedGroup {
  const ids = Array.from({ length: routers }, (_, index) => index + 1);
  return {
    id: GROUP,
    addresses: ids.flatMap(addressesOf),
    virtualRouters: ids.flatMap((virtualRouterId) =>
      (['ipv4', 'ipv6'] as const).map((family) => ({ interface: 'eth0', family, virtualRouterId })),
    ),
    gatewayInterfaces: ['eth0'],
    intervalUs: 250_000,
  };
}

const options = (routers: number): FenceOptions => ({ groups: [group(routers)], interfaces: ['eth0'], sideband: [] });

const RECEIVED = `table inet seen {
  counter received { }
  chain in {
    type filter hook input priority 0
    ip daddr 10.78.0.0/16 udp dport 9 counter name received
    ip6 daddr fd78::/64 udp dport 9 counter name received
  }
}`;

const ADVERTISED = `table netdev seen {
  counter received { }
  chain in {
    type filter hook ingress device eth0 priority 0
    ip protocol 112 counter name received
    ip6 nexthdr 112 counter name received
  }
}`;

let namespaces: Namespaces;
let holder: Holder;
let nonce = 1;

async function counted(namespace: string, family: 'inet' | 'netdev'): Promise<number> {
  const listing = await run(namespace, 'nft', 'reset', 'counter', family, 'seen', 'received');
  return Number(/packets (\d+)/.exec(listing)?.[1]);
}

/** To how many of the addresses of the first `routers` a datagram of the client's gets through. */
async function reached(routers = ROUTERS): Promise<number> {
  await counted(namespaces.holder, 'inet');
  const all = Array.from({ length: routers }, (_, index) => addressesOf(index + 1)).flat();
  await run(namespaces.client, 'bash', '-c', `for a in ${all.join(' ')}; do echo x > /dev/udp/$a/9; done`);
  return counted(namespaces.holder, 'inet');
}

/** How many of the advertisements of the first and the last virtual router of both families leave. */
async function advertised(): Promise<number> {
  await counted(namespaces.client, 'netdev');
  for (const id of [1, ROUTERS]) {
    const hex = advertisement(id, 100, `10.78.0.${id}`);
    await holder.ask({ do: 'sendVrrp', to: CLIENT_ADDRESS.split('.').map(Number), hex });
    await holder.ask({ do: 'sendVrrp6', to: 'fd77::9', hex });
  }
  return counted(namespaces.client, 'netdev');
}

beforeAll(async () => {
  namespaces = await Namespaces.create('m');
  const { holder: host, client } = namespaces;
  await ip(`-n ${host} addr add fd77::1/64 dev eth0 nodad`);
  await ip(`-n ${client} addr add fd77::9/64 dev eth0 nodad`);
  await ip(`-n ${host} route add local 10.78.0.0/16 dev lo`);
  await ip(`-n ${host} -6 route add local fd78::/64 dev lo`);
  await ip(`-n ${client} route add 10.78.0.0/16 via ${HOLDER_ADDRESS} src ${CLIENT_ADDRESS}`);
  await ip(`-n ${client} -6 route add fd78::/64 via fd77::1`);
  await run(host, 'nft', RECEIVED);
  await run(client, 'nft', ADVERTISED);
});

afterAll(() => namespaces.remove());

beforeEach(() => {
  holder = namespaces.start();
});

afterEach(() => holder.kill());

it('without a fence, every address is reached', async () => {
  expect(await reached()).toBe(4 * ROUTERS);
});

describe('the lease packet of a group of many virtual routers', () => {
  type Act = Extract<Command, { do: 'perform' }>['act'];
  const perform = (act: Act, named = nonce): Command => ({
    do: 'perform',
    secret: SECRET,
    nonce: named,
    group: GROUP,
    act,
    waitMs: WAIT_MS,
  });
  const arm = (named?: number) => perform({ kind: 'arm' }, named);
  const open = (named?: number) => perform({ kind: 'open', step: STEP }, named);
  const refresh = (named?: number) => perform({ kind: 'refresh', step: STEP }, named);
  const acts = async (...commands: Command[]) => (await holder.askAll(commands)).at(-1);

  beforeEach(async () => {
    nonce += 2;
    expect(await holder.ask({ do: 'installParts', options: options(ROUTERS), secret: SECRET })).toEqual({ ok: true });
  });

  async function opened(): Promise<void> {
    expect(await acts(arm(), open())).toEqual(TOOK_EFFECT);
  }

  it('opens, refreshes and closes all of it, each time by one datagram', async () => {
    expect(await reached()).toBe(0);
    expect(await advertised()).toBe(0);
    await opened();
    expect(await reached()).toBe(4 * ROUTERS);
    expect(await advertised()).toBe(4);
    await opened();
    // Past the end of what was opened, on the refresh alone.
    expect(await acts({ do: 'sleep', ms: 1_000 }, arm(), refresh(), { do: 'sleep', ms: 600 })).toEqual({});
    expect(await reached()).toBe(4 * ROUTERS);
    await opened();
    expect(await acts(perform({ kind: 'close' }))).toEqual(TOOK_EFFECT);
    expect(await reached()).toBe(0);
    expect(await advertised()).toBe(0);
  });

  it.each(['netdev', 'inet'])(
    'refreshes nothing when its element in the table of family %s is gone',
    async (family) => {
      await opened();
      await run(namespaces.holder, 'nft', 'delete', 'element', family, 'tiebreak', 'alive', `{ ${GROUP} }`);
      expect(await acts(arm(), refresh())).toEqual(REFUSED);
      await holder.ask({ do: 'sleep', ms: LIFETIME_MS });
      expect(await reached()).toBe(0);
      expect(await advertised()).toBe(0);
    },
  );

  it('refreshes nothing that has expired', async () => {
    await opened();
    expect(await acts({ do: 'sleep', ms: LIFETIME_MS + 10 }, arm(), refresh())).toEqual(REFUSED);
    expect(await reached()).toBe(0);
  });

  it('refreshes nothing without its sentinel, with that of another ARM, or with one that has run out', async () => {
    await opened();
    expect(await acts(refresh())).toEqual(REFUSED);
    expect(await acts(arm(), refresh(nonce + 1))).toEqual(REFUSED);
    expect(await acts(arm(), { do: 'sleep', ms: SENTINEL_MS + 8 }, refresh())).toEqual(REFUSED);
    await holder.ask({ do: 'sleep', ms: LIFETIME_MS });
    expect(await reached()).toBe(0);
  });

  it.each(['netdev', 'inet'])('is not confirmed when the table of family %s is gone', async (family) => {
    await opened();
    expect(await acts(arm())).toEqual(TOOK_EFFECT);
    await run(namespaces.holder, 'nft', 'delete', 'table', family, 'tiebreak');
    expect(await acts(refresh())).toEqual(REFUSED);
  });
});

describe('the fence of a group of many virtual routers', () => {
  const open = () => holder.ask({ do: 'open', group: GROUP, leaseMs: LEASE_MS });

  beforeEach(async () => {
    expect(await holder.ask({ do: 'install', options: options(ROUTERS) })).toEqual({ ok: true, level: 'full' });
  });

  it('stays open while the group changes, and what it has lost is held back no more', async () => {
    const fewer = options(ROUTERS - 1);
    const [going] = fewer.groups;
    if (going === undefined) throw new Error('there is one');
    const withdrawn = { addresses: addressesOf(ROUTERS), virtualRouters: [] };
    await open();
    expect(await holder.ask({ do: 'change', options: { ...fewer, groups: [{ ...going, withdrawn }] } })).toEqual({
      ok: true,
    });
    expect(await reached()).toBe(4 * (ROUTERS - 1));
    await holder.ask({ do: 'close', group: GROUP });
    expect(await holder.ask({ do: 'change', options: fewer })).toEqual({ ok: true });
    expect(await reached()).toBe(4);
    expect(await holder.ask({ do: 'change', options: options(ROUTERS) })).toEqual({ ok: true });
    expect(await reached()).toBe(0);
    expect(await open()).toMatchObject({ confirmed: true });
    expect(await reached()).toBe(4 * ROUTERS);
  });

  it('takes no longer to refresh than that of one', async () => {
    const timed = () => holder.ask({ do: 'timeRefreshes', group: GROUP, count: 2_000, leaseMs: LEASE_MS });
    await open();
    await timed();
    const many = await timed();
    await holder.ask({ do: 'close', group: GROUP });
    expect(await holder.ask({ do: 'change', options: options(1) })).toEqual({ ok: true });
    await open();
    const one = await timed();
    console.log(`refresh of ${ROUTERS}: ${JSON.stringify(many)}, of one: ${JSON.stringify(one)}`);
    expect([many, one]).toMatchObject([{ refused: 0 }, { refused: 0 }]);
    expect(medianUs(many)).toBeLessThan(2 * medianUs(one));
  });
});

function medianUs(answer: unknown): number {
  if (typeof answer !== 'object' || answer === null || !('medianUs' in answer)) throw new Error('not timed');
  return Number(answer.medianUs);
}
