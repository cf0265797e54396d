import { expect, it } from 'vitest';
import type { VirtualRouterConfig, VrrpGroupConfig } from '../../../agent/config/index.ts';
import { SYSTEM_CLOCK } from '../../../agent/engine/clock.ts';
import { GroupStanding, type Standing } from '../../../agent/engine/group-standing.ts';
import { PlainGuard } from '../../../agent/engine/plain-guard.ts';
import { PlainRefresh } from '../../../agent/engine/plain-refresh.ts';
import type { ReconciledRouter } from '../../../agent/engine/virtual-router.ts';
import { VrrpGroup } from '../../../agent/engine/vrrp-group.ts';
import type { HoldingFence } from '../../../agent/kernel/fence/index.ts';
import { boottimeUs } from '../../../agent/kernel/index.ts';
import { RouterTraffic } from '../../../agent/metrics/counters/index.ts';
import type { GroupChange } from '../../../agent/notify/index.ts';
import { OwnershipBoard } from '../../../agent/ownership/index.ts';
import { advertisementV3 } from '../../../shared/vrrp/index.ts';
import { configOf, PLAIN } from '../config/example.ts';
import { recordedLog } from './recorded-log.ts';

/** A fence that opens or does not, for one virtual router. */
function fenceThat(state: { opens: boolean }, lifetimeUs = 1_000_000): HoldingFence {
  let openUntilUs: number | undefined;
  const open = (): ReturnType<HoldingFence['open']> => {
    if (!state.opens) return { confirmed: false, reason: 'not_armed', text: 'ARM: no answer' };
    openUntilUs = boottimeUs() + lifetimeUs;
    return { confirmed: true, expiresAtUs: openUntilUs };
  };
  return {
    level: 'full',
    open,
    refresh: open,
    refreshTogether: () => new Map(),
    refreshHeld: () => (open().confirmed ? 'confirmed' : 'refused'),
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

/** A virtual router on a wire that nobody else is on. */
function silentPorts(config: VirtualRouterConfig): ReconciledRouter {
  return {
    config,
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
}

/** A started group, behind `fence`; it becomes active by itself. */
function started(fence: HoldingFence, standing: ConstructorParameters<typeof VrrpGroup>[0]['standing']) {
  const config = plainGroup();
  const [router] = config.virtualRouters;
  if (router === undefined) throw new Error('the example has a virtual router');
  const { log } = recordedLog();
  const guards = new Map([[router, new PlainGuard(fence, 2, new PlainRefresh(fence), log)]]);
  const group = new VrrpGroup({ config, ios: [silentPorts(router)], guards, standing, clock: SYSTEM_CLOCK, log });
  group.start(0);
  return { router, group };
}

it('in mode "vrrp" is nobody’s to act for while the kernel does not answer for it', async () => {
  const fence = { opens: false };
  const standings: (Standing | undefined)[] = [];
  const { group } = started(fenceThat(fence), { note: (standing) => standings.push(standing), again: () => {} });
  const isActive = (): boolean => group.states.every((state) => state === 'active');
  while (!isActive()) await turns();
  expect(standings.at(-1)).toBeUndefined();
  expect(standings.some((standing) => standing?.state === 'active')).toBe(false);
  fence.opens = true;
  while (standings.at(-1)?.state !== 'active') await turns();
  expect(standings.at(-1)?.ownership?.untilUs).toBeGreaterThan(boottimeUs());
  group.stop();
  expect(standings.at(-1)).toMatchObject({ state: 'stopped', ownership: undefined });
});

it('goes over to another configuration before its time, and tells nobody that it had stopped', () => {
  const config = plainGroup();
  const [router] = config.virtualRouters;
  if (router === undefined) throw new Error('the example has a virtual router');
  const standings: (Standing | undefined)[] = [];
  const standing = { note: (now: Standing | undefined) => standings.push(now), again: () => {} };
  const { log } = recordedLog();
  const group = new VrrpGroup({
    config,
    ios: [silentPorts(router)],
    guards: new Map(),
    standing,
    clock: SYSTEM_CLOCK,
    log,
  });
  group.start(boottimeUs() + 60_000_000);
  group.configure({ ...config, preempt: false });
  expect([standings, group.states]).toEqual([[], ['initialize']]);
  group.stop();
});

it('says why it is out whenever that changes, whether it hears an owner or not', () => {
  const told: string[] = [];
  const note = (standing: Standing | undefined): void => void told.push(`${standing?.state} ${standing?.cause}`);
  const { group, router } = started(fenceThat({ opens: true }), { note, again: () => {} });
  group.setMaintenance(true);
  expect(told.at(-1)).toBe('backup maintenance');
  group.linkChanged(router.interface, false);
  group.setMaintenance(false);
  expect(told.at(-1)).toBe('fault link_lost');
  group.stop();
});

it('is not on the wire before its time', async () => {
  const config = plainGroup();
  const [router] = config.virtualRouters;
  if (router === undefined) throw new Error('the example has a virtual router');
  const standing = { note: () => {}, again: () => {} };
  const { log } = recordedLog();
  const group = new VrrpGroup({
    config,
    ios: [silentPorts(router)],
    guards: new Map(),
    standing,
    clock: SYSTEM_CLOCK,
    log,
  });
  const notBeforeUs = boottimeUs() + 60_000;
  group.start(notBeforeUs);
  while (group.states.includes('initialize')) await turns();
  expect(boottimeUs()).toBeGreaterThanOrEqual(notBeforeUs);
  group.stop();
  group.start(boottimeUs() + 20_000);
  group.stop();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(group.states).toEqual(['initialize']);
});

it('in mode "vrrp" is told to own once more after it stood still: meanwhile nobody could act upon it', async () => {
  const changes: GroupChange[] = [];
  const board = new OwnershipBoard(1);
  const nextId = (): string => `a-${changes.length}`;
  const onChange = (change: GroupChange): number => changes.push(change);
  const standing = new GroupStanding({ config: plainGroup(), node: 'a', board, nowUs: boottimeUs, nextId, onChange });
  const { group } = started(fenceThat({ opens: true }, 100_000), standing);
  while (changes.at(-1)?.state !== 'active') await turns();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
  expect(board.ownership(1, boottimeUs())).toBeUndefined();
  while (changes.at(-1)?.cause !== 'stood_still') await turns();
  expect(changes.at(-1)).toMatchObject({ state: 'active', previous: 'active' });
  expect(board.ownership(1, boottimeUs())).toEqual({ counter: 0 });
  group.stop();
});

it('in mode "vrrp" the winner of a conflict is told of once, however often the other one is heard', async () => {
  const again: Standing[] = [];
  const { group, router } = started(fenceThat({ opens: true }), {
    note: () => {},
    again: (standing) => again.push(standing),
  });
  const addresses = [Uint8Array.of(192, 0, 2, 100)];
  const inferior = advertisementV3({ family: 'ipv4', virtualRouterId: 33, priority: 1, intervalCs: 1, addresses });
  const hear = (): void => group.hear(router, { advertisement: inferior, source: Uint8Array.of(192, 0, 2, 2) });
  while (group.states[0] !== 'active') await turns();
  expect(again).toEqual([]);
  for (let count = 0; count < 3; count += 1) hear();
  expect(again).toMatchObject([{ state: 'active', cause: 'conflict_healed', ownership: { counter: 0 } }]);
  group.stop();
});

function turns(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
