import type { NetlinkAttribute } from './netlink-message.ts';

/**
 * The protocol number that marks addresses (Linux 5.18) and routes as ours: VRRP's. `ip route show proto 112` lists
 * them, and a restarted agent recognises what a former run left.
 */
export const OUR_PROTOCOL = 112;

/** The longest label or interface name: IFNAMSIZ less the NUL. */
export const NAME_BYTES_MAX = 15;

/** What follows the netlink header of a request. */
export interface RequestParts {
  body: Uint8Array;
  attributes: NetlinkAttribute[];
}
