import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Child, createPair, ip, type Pair, startChild } from './network.ts';

let pair: Pair;
let child: Child;

beforeAll(async () => {
  pair = await createPair();
}, 30_000);
afterAll(() => pair.remove());
beforeEach(() => {
  child = startChild(pair.a);
});
afterEach(() => child.stop());

const vip4 = { family: 'ipv4', address: '10.77.0.100', prefixLength: 24 };
const vip6 = { family: 'ipv6', address: 'fd77::100', prefixLength: 64 };

/** What `ip` shows of one address, from outside. */
function shown(address: string): { [key: string]: unknown }[] {
  const links: { addr_info: { [key: string]: unknown }[] }[] = JSON.parse(
    ip(pair.a, '-j', 'addr', 'show', 'dev', 'eth0'),
  );
  return links.flatMap((link) => link.addr_info).filter((row) => row.local === address);
}

describe('addresses', () => {
  it.each([vip4, vip6])('$address is there when the call returns, and gone when it was removed', async (vip) => {
    expect(await child.ask('addAddress', vip)).toEqual({ ok: true, value: 'done' });
    expect(shown(vip.address)).toMatchObject([{ local: vip.address, prefixlen: vip.prefixLength }]);
    expect(await child.ask('removeAddress', vip)).toEqual({ ok: true, value: 'done' });
    expect(shown(vip.address)).toEqual([]);
  });

  it.each([vip4, vip6])('a second add or remove of $address says that nothing was to do', async (vip) => {
    await child.ask('addAddress', vip);
    expect(await child.ask('addAddress', vip)).toEqual({ ok: true, value: 'already-there' });
    await child.ask('removeAddress', vip);
    expect(await child.ask('removeAddress', vip)).toEqual({ ok: true, value: 'not-there' });
  });

  it('an existing address is not replaced: its lifetime stays what it was', async () => {
    ip(pair.a, 'addr', 'add', '10.77.0.100/24', 'dev', 'eth0', 'valid_lft', '600', 'preferred_lft', '600');
    expect(await child.ask('addAddress', vip4)).toEqual({ ok: true, value: 'already-there' });
    const [row] = shown(vip4.address);
    expect(row?.valid_life_time).toBeLessThanOrEqual(600);
    await child.ask('removeAddress', vip4);
  });

  it('an IPv6 address is usable at once and never chosen as source (DESIGN 4, Order)', async () => {
    await child.ask('addAddress', vip6);
    const [row] = shown(vip6.address);
    expect(row).toMatchObject({ nodad: true, deprecated: true, preferred_life_time: 0, valid_life_time: 0xffffffff });
    expect(row).not.toHaveProperty('tentative');
    const route: unknown = JSON.parse(ip(pair.a, '-j', '-6', 'route', 'get', 'fd77::2'));
    expect(route).toMatchObject([{ prefsrc: 'fd77::1' }]);
    await child.ask('removeAddress', vip6);
  });

  it('an IPv4 address carries its label', async () => {
    await child.ask('addAddress', { ...vip4, label: 'eth0:vip' });
    expect(shown(vip4.address)).toMatchObject([{ label: 'eth0:vip' }]);
    expect(await child.ask('removeAddress', vip4)).toEqual({ ok: true, value: 'done' });
  });

  it('an IPv4 address has its scope', async () => {
    expect(await child.ask('addAddress', { ...vip4, prefixLength: 32, scope: 'link' })).toEqual({
      ok: true,
      value: 'done',
    });
    expect(shown(vip4.address)).toMatchObject([{ scope: 'link' }]);
    expect(await child.ask('removeAddress', { ...vip4, prefixLength: 32 })).toEqual({ ok: true, value: 'done' });
  });

  it('the dump tells ours from what others added', async () => {
    await child.ask('addAddress', vip4);
    const rows = await child.ask('addresses');
    expect(rows).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ address: '10.77.0.1', prefixLength: 24, family: 'ipv4', label: 'eth0', ours: false }),
        expect.objectContaining({ address: '10.77.0.100', prefixLength: 24, ours: true }),
        expect.objectContaining({ address: 'fd77::1', prefixLength: 64, family: 'ipv6', tentative: false }),
      ]),
    );
    expect(rows).toHaveLength(4);
    await child.ask('removeAddress', vip4);
  });

  it('an address of an interface that has gone is not there, and cannot be added', async () => {
    expect(await child.ask('removeAddress', { ...vip4, interfaceIndex: 999 })).toEqual({
      ok: true,
      value: 'not-there',
    });
    expect(await child.ask('removeAddress', { ...vip6, interfaceIndex: 999 })).toEqual({
      ok: true,
      value: 'not-there',
    });
    expect(await child.ask('addAddress', { ...vip4, interfaceIndex: 999 })).toMatchObject({
      ok: false,
      code: 'ENODEV',
      text: expect.stringContaining('no such interface'),
    });
  });

  it('without CAP_NET_ADMIN the refusal says what to do; reading still works', async () => {
    await child.ask('becomeNobody');
    expect(await child.ask('addAddress', vip4)).toMatchObject({
      ok: false,
      code: 'EPERM',
      call: 'add address',
      text: expect.stringMatching(/CAP_NET_ADMIN.*root/),
    });
    expect(await child.ask('addresses')).toHaveLength(3);
  });

  it('a request takes well under a millisecond', async () => {
    for (const vip of [vip4, vip6]) {
      const perRequestUs = await child.ask('timeAddresses', { ...vip, rounds: 2000 });
      console.log(`${vip.family}: ${Number(perRequestUs).toFixed(1)} us a request`);
      expect(perRequestUs).toBeLessThan(500);
    }
  });
});

describe('routes', () => {
  const route4 = { family: 'ipv4', to: '203.0.113.0', prefixLength: 24, via: '10.77.0.2' };
  const route6 = { family: 'ipv6', to: 'fd78::', prefixLength: 64, via: 'fd77::2' };

  it.each([route4, route6])('$to comes, is listed as ours, and goes', async (route) => {
    expect(await child.ask('addRoute', route)).toEqual({ ok: true, value: 'done' });
    expect(await child.ask('addRoute', route)).toEqual({ ok: true, value: 'already-there' });
    const flag = route.family === 'ipv6' ? '-6' : '-4';
    const outside: unknown = JSON.parse(ip(pair.a, '-j', flag, 'route', 'show', 'proto', '112'));
    expect(outside).toMatchObject([{ dst: `${route.to}/${route.prefixLength}`, gateway: route.via, dev: 'eth0' }]);
    expect(await child.ask('ourRoutes')).toMatchObject([route]);
    expect(await child.ask('removeRoute', route)).toEqual({ ok: true, value: 'done' });
    expect(await child.ask('removeRoute', route)).toEqual({ ok: true, value: 'not-there' });
    expect(await child.ask('ourRoutes')).toEqual([]);
  });

  it('a route that somebody else made is never removed', async () => {
    ip(pair.a, 'route', 'add', '203.0.113.0/24', 'via', '10.77.0.2', 'dev', 'eth0');
    expect(await child.ask('removeRoute', route4)).toEqual({ ok: true, value: 'not-there' });
    expect(ip(pair.a, 'route', 'show', '203.0.113.0/24')).toContain('via 10.77.0.2');
    ip(pair.a, 'route', 'del', '203.0.113.0/24');
  });

  it('a gateway that is on no network is refused with a reason', async () => {
    expect(await child.ask('addRoute', { ...route4, via: '192.0.2.1' })).toMatchObject({
      ok: false,
      code: 'ENETUNREACH',
    });
  });
});

describe('links', () => {
  it('says MAC, MTU and state, and that the carrier goes with the far end', async () => {
    expect(await child.ask('links')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'lo', loopback: true }),
        expect.objectContaining({
          name: 'eth0',
          mac: '02000000000a',
          mtu: 1500,
          up: true,
          carrier: true,
          kind: 'veth',
        }),
      ]),
    );
    ip(pair.b, 'link', 'set', 'eth0', 'down');
    expect(await child.ask('links')).toEqual(
      expect.arrayContaining([expect.objectContaining({ name: 'eth0', up: true, carrier: false })]),
    );
    ip(pair.b, 'link', 'set', 'eth0', 'up');
  });

  it('a macvlan with the virtual MAC comes, down, and goes', async () => {
    const macvlan = { name: 'vrrp4.33', mac: '00005e000121' };
    expect(await child.ask('addMacvlan', macvlan)).toEqual({ ok: true, value: 'done' });
    expect(await child.ask('addMacvlan', macvlan)).toEqual({ ok: true, value: 'already-there' });
    expect(ip(pair.a, '-d', 'link', 'show', 'vrrp4.33')).toMatch(
      /<BROADCAST,MULTICAST>[\s\S]*00:00:5e:00:01:21[\s\S]*macvlan mode vepa/,
    );
    expect(await child.ask('removeLink', { interface: 'vrrp4.33' })).toEqual({ ok: true, value: 'done' });
    expect(ip(pair.a, 'link', 'show')).not.toContain('vrrp4.33');
  });
});
