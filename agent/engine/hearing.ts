import { isLinkLocal } from '@tiebreak/shared/vrrp';
import type { LeaseGroupConfig } from '../config/index.ts';
import type { Logger } from '../log/index.ts';
import { bytesOf } from './address-bytes.ts';
import type { HeardAdvertisement } from './heard-advertisement.ts';
import type { LeaseGroup } from './lease-group.ts';
import { RateLimitedLog } from './rate-limited-log.ts';
import type { ReconciledRouter } from './virtual-router.ts';

/** What a group does about an advertisement for one of its virtual routers. */
export type Hearing = (heard: HeardAdvertisement, router: ReconciledRouter) => void;

/** In lease mode only a configured peer's advertisements start timers; a stranger's raises an alarm (DESIGN section 5). */
export function hearingPeersOnly(group: LeaseGroup, log: Logger): Hearing {
  const complaints = new RateLimitedLog(log);
  let known: { readonly config: LeaseGroupConfig; readonly peers: ReadonlySet<string> } | undefined;
  const peers = (): ReadonlySet<string> => {
    const { config } = group;
    if (known?.config === config) return known.peers;
    const addresses = config.peers.flatMap((peer) => peer.addresses);
    known = { config, peers: new Set(addresses.map((address) => bytesOf(address).join('.'))) };
    return known.peers;
  };
  return (heard, router) => {
    const source = heard.source.join('.');
    if (peers().has(source)) {
      group.advertised(heard);
      return;
    }
    // Multicast over IPv6 speaks from a link-local address (RFC 9568 section 5.1.2.1), and peers are configured by others:
    // it starts no timer, which heartbeats do (L4), and it alarms an owner only, who should hear nobody.
    if (heard.source.length === 16 && isLinkLocal(heard.source) && group.state.role.name !== 'active') return;
    router.traffic.discard('stranger');
    const { virtualRouterId } = router.config;
    const text = `${group.name}: ${source} advertises our virtual router ${virtualRouterId} and is no configured peer. It changes nothing here, but two owners may be on the wire; if it is a peer by another address, add that to its addresses in peers`;
    complaints.warn('stranger', { group: group.name, source, virtual_router_id: virtualRouterId }, text);
  };
}
