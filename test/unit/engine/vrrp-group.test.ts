import { expect, it } from 'vitest';
import type { VrrpGroupConfig } from '../../../agent/config/index.ts';
import type { Standing } from '../../../agent/engine/group-standing.ts';
import { PlainGuard } from '../../../agent/engine/plain-guard.ts';
import type { ReconciledRouter } from '../../../agent/engine/virtual-router.ts';
import { VrrpGroup } from '../../../agent/engine/vrrp-group.ts';
import type { Fence } from '../../../agent/kernel/fence/index.ts';
import { boottimeUs } from '../../../agent/kernel/index.ts';
import { RouterTraffic } from '../../../agent/metrics/counters/index.ts';
import { configOf, PLAIN } from '../config/example.ts';
import { recordedLog } from './recorded-log.ts';

/** A fence that opens or does not, for one virtual router. */
function fenceThat(state: { opens: boolean }): Fence {
  let openUntilUs: number | undefined;
  const open = (): ReturnType<Fence['open']> => {
    if (!state.opens) return { confirmed: false, reason: 'not_armed', text: 'ARM: no answer' };
    openUntilUs = boottimeUs() + 1_000_000;
    return { confirmed: true, expiresAtUs: openUntilUs };
  };
  return {
    level: 'full',
    open,
    refresh: open,
    close: () => {
      openUntilUs = undefined;
      return { confirmed: true, by: 'packet' };
    },
    openUntilUs: () => openUntilUs,
    isIntact: () => state.opens,
    rehearse: () => {},
    recreate: () => ({ ok: true }),
    addInterface: () => ({ ok: true }),
    change: () => ({ ok: true }),
    remove: () => ({ ok: true }),
  };
}

function plainGroup(): VrrpGroupConfig {
  const [group] = configOf(PLAIN).groups;
  if (group?.mode !== 'vrrp') throw new Error('the example is of a group in mode "vrrp"');
  const virtualRouters = group.virtualRouters.map((router) => ({ ...router, advertisementIntervalUs: 10_000 }));
  return { ...group, virtualRouters };
}

it('in mode "vrrp" is nobody’s to act for while the kernel does not answer for it', async () => {
  const config = plainGroup();
  const [router] = config.virtualRouters;
  if (router === undefined) throw new Error('the example has a virtual router');
  const fence = { opens: false };
  const { log } = recordedLog();
  const standings: (Standing | undefined)[] = [];
  const io: ReconciledRouter = {
    config: router,
    primaryAddress: Uint8Array.of(192, 0, 2, 1),
    traffic: new RouterTraffic(),
    advertise: () => {},
    addAddresses: () => {},
    removeAddresses: () => true,
    announce: () => {},
    faults: () => [],
    close: async () => {},
    carrier: () => true,
    linksChanged: () => {},
    addressCame: () => {},
    addressGone: () => {},
    reconcile: () => {},
    corrections: () => ({ addressesRestored: 0, addressesRemoved: 0, foreignClaims: 0 }),
    discarded: () => new Map(),
    prepareChange: () => ({ ok: false, error: 'this test changes nothing' }),
  };
  const group = new VrrpGroup({
    config,
    ios: [io],
    guards: new Map([[router, new PlainGuard(fenceThat(fence), 2, log)]]),
    standing: { note: (standing) => standings.push(standing) },
    log,
  });
  const isActive = (): boolean => group.states.every((state) => state === 'active');
  group.start();
  while (!isActive()) await turns();
  expect(standings.at(-1)).toBeUndefined();
  expect(standings.some((standing) => standing?.state === 'active')).toBe(false);
  fence.opens = true;
  while (standings.at(-1)?.state !== 'active') await turns();
  expect(standings.at(-1)?.ownership?.untilUs).toBeGreaterThan(boottimeUs());
  group.stop();
  expect(standings.at(-1)).toMatchObject({ state: 'stopped', ownership: undefined });
});

function turns(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
