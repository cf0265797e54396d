import type { VirtualAddress, VirtualRouterConfig } from '../../config/index.ts';
import type { VrrpSocket } from '../../kernel/index.ts';
import type { Logger } from '../../log/index.ts';
import { RouterTraffic } from '../../metrics/counters/index.ts';
import { advertiser } from '../advertiser.ts';
import { AnnouncementFrames } from '../announcement-frames.ts';
import { Announcements } from '../announcements.ts';
import type { Clock } from '../clock.ts';
import { FramePacer } from '../frame-pacer.ts';
import { KeptAddresses } from '../kept-addresses.ts';
import { RateLimitedLog } from '../rate-limited-log.ts';
import type { ReconciledRouter } from '../virtual-router.ts';
import type { RehearsedKernel } from './rehearsed-kernel.ts';

/** TEST-NET-1, on an interface that does not exist: the kernel refuses it. */
const ADDRESS: VirtualAddress = {
  address: '192.0.2.1',
  prefixLength: 32,
  interface: 'rehearsal',
  label: null,
  scope: 'global',
  advertised: true,
};
const ADDRESS_BYTES = Uint8Array.of(192, 0, 2, 1);
const SOURCE = Uint8Array.of(192, 0, 2, 2);
const NO_INTERFACE = 0x7fff_ffff;

/** On no wire. */
const SOCKET: VrrpSocket = {
  destinations: [Uint8Array.of(224, 0, 0, 18)],
  packet: (message, destination) => ({ bytes: message, destination, to: destination }),
  send: () => {},
  counters: () => ({
    received: 0,
    own: 0,
    malformed: { truncated: 0, 'not-ipv4': 0, 'bad-header-length': 0, 'not-vrrp': 0 },
  }),
  changeInterval: () => {},
  close: () => {},
};

export function imaginaryRouterConfig(intervalUs: number): VirtualRouterConfig {
  return {
    interface: 'rehearsal',
    virtualRouterId: 1,
    version: 3,
    family: 'ipv4',
    priority: 100,
    advertisementIntervalUs: intervalUs,
    addresses: [ADDRESS],
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
}

/** Its addresses are asked of the kernel, which refuses them; whatever it says goes nowhere. */
export function imaginaryRouter(options: {
  readonly config: VirtualRouterConfig;
  readonly clock: Clock;
  readonly kernel: RehearsedKernel;
  readonly log: Logger;
}): ReconciledRouter {
  const { config, clock, kernel, log } = options;
  const done = { ok: true, value: 'done' } as const;
  const rtnetlink: RehearsedKernel['rtnetlink'] = {
    addAddress: (address) => {
      kernel.rtnetlink.addAddress(address);
      return done;
    },
    removeAddress: (address) => {
      kernel.rtnetlink.removeAddress(address);
      return done;
    },
  };
  const complaints = new RateLimitedLog(log);
  const placed = [{ virtual: ADDRESS, bytes: ADDRESS_BYTES, interfaceIndex: NO_INTERFACE }];
  const addresses = new KeptAddresses({ config, placed, rtnetlink, complaints });
  const frames = new AnnouncementFrames({
    pacer: new FramePacer(clock),
    spacingUs: () => 0,
    frames: () => [{ interface: config.interface, send: () => {} }],
  });
  const announcements = new Announcements({
    announceNow: (copies) => frames.announce(copies),
    plan: config.announce,
    clock,
    complaints,
  });
  const advertise = advertiser(config, SOURCE, SOCKET, () => {}, undefined);
  return {
    config,
    primaryAddress: SOURCE,
    traffic: new RouterTraffic(),
    advertise,
    addAddresses: () => addresses.add(),
    removeAddresses() {
      announcements.stop();
      frames.stop();
      return addresses.remove();
    },
    announce: () => announcements.announce(),
    carrier: () => true,
    linksChanged: () => {},
    addressCame: () => {},
    addressGone: () => {},
    reconcile: () => {},
    prepareChange: () => ({ ok: false, error: 'it is imaginary' }),
    corrections: () => ({ addressesRestored: 0, addressesRemoved: 0, foreignClaims: 0 }),
    discarded: () => new Map(),
    faults: () => [],
    close: async () => {},
  };
}
