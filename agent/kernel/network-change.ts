import { decodeMessages, type NetlinkMessage } from './netlink-message.ts';
import { decodeAddress, type InterfaceAddress, RTM_DELADDR, RTM_NEWADDR } from './rtnetlink-address.ts';
import { decodeLink, type Link, RTM_DELLINK, RTM_NEWLINK } from './rtnetlink-link.ts';

/** What rtnetlink tells by itself of links and addresses: decoded. Pure: no socket, no system call. */

/** `link`: it has come, or something of it has changed, its carrier for example. */
export type NetworkChange =
  | { readonly kind: 'link'; readonly link: Link }
  | { readonly kind: 'link-gone'; readonly link: Link }
  | { readonly kind: 'address'; readonly address: InterfaceAddress }
  | { readonly kind: 'address-gone'; readonly address: InterfaceAddress };

/** The changes in one datagram, as copies; what is malformed, or tells of anything else, is left out. */
export function decodeNetworkChanges(datagram: Uint8Array): NetworkChange[] {
  return decodeMessages(datagram).flatMap((message) => decodeChange(message) ?? []);
}

function decodeChange({ type, payload }: NetlinkMessage): NetworkChange | undefined {
  switch (type) {
    case RTM_NEWLINK:
    case RTM_DELLINK: {
      // A bridge tells so of its ports, and 'deleted' means then that one has left the bridge.
      if (payload[0] !== 0) return undefined;
      const link = decodeLink(payload);
      if (link === undefined) return undefined;
      const mac = link.mac.slice();
      return { kind: type === RTM_NEWLINK ? 'link' : 'link-gone', link: { ...link, mac } };
    }
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = decodeAddress(payload);
      if (address === undefined) return undefined;
      const copy = { ...address, address: address.address.slice() };
      return { kind: type === RTM_NEWADDR ? 'address' : 'address-gone', address: copy };
    }
    default:
      return undefined;
  }
}
