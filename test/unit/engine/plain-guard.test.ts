import { describe, expect, it } from 'vitest';
import type { VirtualRouterConfig, VrrpGroupConfig } from '../../../agent/config/index.ts';
import { isGuarded, plainFencedGroup } from '../../../agent/engine/plain-guard.ts';
import { activeDownIntervalUs } from '../../../shared/vrrp/index.ts';

const TICK_US = 4_000;

const router: VirtualRouterConfig = {
  interface: 'eth0',
  virtualRouterId: 33,
  version: 3,
  family: 'ipv4',
  priority: 200,
  advertisementIntervalUs: 250_000,
  addresses: [
    { address: '192.0.2.100', prefixLength: 24, interface: 'eth0', label: null, scope: 'global', advertised: true },
    { address: '198.51.100.7', prefixLength: 32, interface: 'eth1', label: null, scope: 'global', advertised: false },
  ],
  routes: [],
  sourceAddress: null,
  unicast: null,
  minTtl: 255,
  checksum: 'pseudo-header',
  accept: true,
  virtualMac: false,
  authPass: null,
  authHmac: null,
  announce: { repeatAfterUs: [], copies: 1, refreshUs: 0, refreshCopies: 1, spacingUs: 0 },
};

const group: VrrpGroupConfig = {
  id: 1,
  name: 'edge',
  mode: 'vrrp',
  gateway: false,
  checks: [],
  notify: [],
  floatingIps: [],
  virtualRouters: [router],
  preempt: true,
  preemptDelayUs: 0,
};

describe('a virtual router in mode "vrrp" is held open by each of its advertisements', () => {
  it.each<[2 | 3, number]>([
    [3, 250_000],
    [3, 1_000_000],
    [3, 40_950_000],
    [2, 1_000_000],
    [2, 255_000_000],
  ])('for more than two intervals and less than the down time: version %i, %i us', (version, intervalUs) => {
    const timed = { ...router, version, advertisementIntervalUs: intervalUs };
    const { heldMs = Number.NaN } = plainFencedGroup(2, timed, group, TICK_US);
    // Of the peer that waits least.
    expect(heldMs * 1000).toBeLessThan(activeDownIntervalUs(version, 255, intervalUs));
    expect(heldMs * 1000).toBeGreaterThan(2 * intervalUs);
  });

  it('for 100 ms at least, which the fastest intervals cannot fill', () => {
    const fastest = { ...router, advertisementIntervalUs: 10_000 };
    expect(plainFencedGroup(2, fastest, group, TICK_US).heldMs).toBe(100);
  });

  it('on the interfaces of its addresses as a gateway, if it is one', () => {
    expect(plainFencedGroup(2, router, group, TICK_US).gatewayInterfaces).toEqual([]);
    const gateway = plainFencedGroup(2, router, { ...group, gateway: true }, TICK_US);
    expect(gateway.gatewayInterfaces).toEqual(['eth0', 'eth1']);
  });

  it("but not if the addresses are the host's own: priority 255", () => {
    expect(isGuarded(router)).toBe(true);
    expect(isGuarded({ ...router, priority: 255 })).toBe(false);
  });
});
