import { afterAll, beforeAll, expect, it } from 'vitest';
import type { FenceOptions } from '../../../agent/kernel/fence/index.ts';
import { HOLDER_ADDRESS, HOLDER_MAC, type Holder, ip, Namespaces, run, VIRTUAL_ADDRESS } from './namespaces.ts';

// accept = false: the holder is the client's router by the virtual address, and nothing else.

const GROUP = 7;
const VIRTUAL6 = 'fd77::100';
const BEYOND = '10.88.0.5';
const BEYOND6 = 'fd88::5';

let namespaces: Namespaces;
let holder: Holder;

beforeAll(async () => {
  namespaces = await Namespaces.create('x');
  const { holder: host, client } = namespaces;
  const beyond = `${host}-b`;
  await ip(`netns add ${beyond}`);
  await ip(`-n ${host} link add eth1 type veth peer name eth0 netns ${beyond}`);
  await ip(`-n ${beyond} link set eth0 up`);
  await ip(`-n ${host} link set eth1 up`);
  await ip(`-n ${host} addr add 10.88.0.1/24 dev eth1`);
  await ip(`-n ${host} addr add fd88::1/64 dev eth1 nodad`);
  await ip(`-n ${host} addr add ${VIRTUAL6}/64 dev eth0 nodad`);
  await ip(`-n ${client} addr add fd77::9/64 dev eth0 nodad`);
  await ip(`-n ${beyond} addr add ${BEYOND}/24 dev eth0`);
  await ip(`-n ${beyond} addr add ${BEYOND6}/64 dev eth0 nodad`);
  await run(host, 'sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1');
  await ip(`-n ${client} route add default via ${VIRTUAL_ADDRESS}`);
  await ip(`-6 -n ${client} route add default via ${VIRTUAL6}`);
  await ip(`-n ${beyond} route add default via 10.88.0.1`);
  await ip(`-6 -n ${beyond} route add default via fd88::1`);

  holder = namespaces.start();
  const group = {
    id: GROUP,
    addresses: [VIRTUAL_ADDRESS, VIRTUAL6],
    virtualRouters: [],
    refused: [VIRTUAL_ADDRESS, VIRTUAL6],
    gatewayInterfaces: [],
    intervalUs: 250_000,
  };
  const options: FenceOptions = { groups: [group], interfaces: ['eth0', 'eth1'], sideband: [] };
  expect(await holder.ask({ do: 'install', options })).toMatchObject({ ok: true });
});

afterAll(async () => {
  const beyond = `${namespaces.holder}-b`;
  await holder?.ask({ do: 'remove' });
  await namespaces?.remove();
  await ip(`netns del ${beyond}`);
});

/** The group is open when it is asked, for longer than the echo may take. */
async function ping(to: string): Promise<boolean> {
  await open();
  return run(namespaces.client, 'ping', '-c1', '-W0.5', to).then(
    () => true,
    () => false,
  );
}

async function open(): Promise<void> {
  expect(await holder.ask({ do: 'open', group: GROUP, leaseMs: 10_000 })).toMatchObject({ confirmed: true });
}

it('the address is found by ARP and neighbour discovery', async () => {
  await open();
  expect(await namespaces.answersArp()).toBe(true);
  await ip(`-n ${namespaces.client} neigh flush to ${VIRTUAL6}`);
  await ping(VIRTUAL6);
  expect(await ip(`-n ${namespaces.client} neigh show to ${VIRTUAL6}`)).toContain(HOLDER_MAC);
});

it('also when a neighbour asks the address itself whether it is still there', async () => {
  const { client } = namespaces;
  await open();
  await ip(`-n ${client} neigh replace ${VIRTUAL6} lladdr ${HOLDER_MAC} nud probe dev eth0`);
  const state = async (): Promise<string> => {
    await open();
    return ip(`-n ${client} neigh show to ${VIRTUAL6}`);
  };
  await expect.poll(state, { timeout: 10_000, interval: 100 }).toContain('REACHABLE');
});

it('it answers no echo, and the other addresses of the host do', async () => {
  expect(await ping(VIRTUAL_ADDRESS)).toBe(false);
  expect(await ping(VIRTUAL6)).toBe(false);
  expect(await ping(HOLDER_ADDRESS)).toBe(true);
});

it('what passes through on its way to others does', async () => {
  expect(await ping(BEYOND)).toBe(true);
  expect(await ping(BEYOND6)).toBe(true);
});

it('so does what is sent on to another address', async () => {
  const table = `table ip sent_on { chain pre { type nat hook prerouting priority -100; ip daddr ${VIRTUAL_ADDRESS} dnat to ${BEYOND}; }; }\n`;
  await run(namespaces.holder, 'nft', table);
  expect(await ping(VIRTUAL_ADDRESS)).toBe(true);
  await run(namespaces.holder, 'nft', 'delete', 'table', 'ip', 'sent_on');
});
