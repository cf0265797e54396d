import { advertisementV3, announcedIntervalCs } from '@tiebreak/shared/vrrp';
import type { VrrpGroupConfig } from '../../config/index.ts';
import type { Logger } from '../../log/index.ts';
import { OwnershipBoard } from '../../ownership/index.ts';
import { GroupStanding } from '../group-standing.ts';
import type { HeardAdvertisement } from '../heard-advertisement.ts';
import { PlainGuard } from '../plain-guard.ts';
import { VrrpGroup } from '../vrrp-group.ts';
import { imaginaryFence } from './imaginary-fence.ts';
import { imaginaryRouter, imaginaryRouterConfig } from './imaginary-router.ts';
import { ImaginaryTime } from './imaginary-time.ts';
import type { RehearsedKernel } from './rehearsed-kernel.ts';

const INTERVAL_US = 250_000;
const ROUTER = imaginaryRouterConfig(INTERVAL_US);
const GROUP: VrrpGroupConfig = {
  id: 1,
  name: 'rehearsal',
  mode: 'vrrp',
  gateway: false,
  preempt: false,
  preemptDelayUs: 0,
  checks: [],
  notify: [],
  floatingIps: [],
  virtualRouters: [ROUTER],
};
/** Longer than the down time. */
const SILENCE_US = 4 * INTERVAL_US;
const SUPERIOR: HeardAdvertisement = {
  advertisement: advertisementV3({
    family: 'ipv4',
    virtualRouterId: ROUTER.virtualRouterId,
    priority: 200,
    intervalCs: announcedIntervalCs(INTERVAL_US),
    addresses: [Uint8Array.of(192, 0, 2, 1)],
  }),
  source: Uint8Array.of(192, 0, 2, 3),
};

/**
 * An imaginary virtual router in mode "vrrp" loses its owner and finds it again: the same purpose as `rehearseLeaseTakeovers`.
 * Returns how often it took over.
 */
export function rehearsePlainTakeovers(rounds: number, kernel: RehearsedKernel, log: Logger): number {
  const time = new ImaginaryTime();
  const silent = log.child({}, { level: 'silent' });
  const guard = new PlainGuard(
    imaginaryFence(time.nowUs, kernel),
    1,
    { advertised: () => {}, forget: () => {} },
    silent,
  );
  const group = new VrrpGroup({
    config: GROUP,
    ios: [imaginaryRouter({ config: ROUTER, clock: time, kernel, log: silent })],
    guards: new Map([[ROUTER, guard]]),
    standing: new GroupStanding({
      config: GROUP,
      node: 'rehearsal',
      board: new OwnershipBoard(GROUP.id),
      nowUs: time.nowUs,
      nextId: () => '',
      onChange: () => {},
    }),
    clock: time,
    log: silent,
  });
  group.start(0);
  let takeovers = 0;
  for (let round = 0; round < rounds; round += 1) {
    time.pass(SILENCE_US);
    if (group.states.every((state) => state === 'active')) takeovers += 1;
    group.hear(ROUTER, SUPERIOR);
  }
  group.stop();
  return takeovers;
}
