import { attributeText, attributeU32, decodeAttributes, encodeAttributes, text, u32 } from './netlink-message.ts';
import type { RequestParts } from './rtnetlink-request.ts';

/** rtnetlink(7), links: encoded and decoded. Pure: no socket, no system call. */

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
const MACVLAN_MODE_VEPA = 2;
const IFLA_AF_SPEC = 26;
const IFLA_INET_CONF = 1;
const IPV4_DEVCONF_PROMOTE_SECONDARIES = 20;
const AF_INET = 2;
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_LOWER_UP = 0x10000;
const IFINFO_BYTES = 16;

export interface Link {
  index: number;
  name: string;
  /** Empty for links without one (tunnels). */
  mac: Uint8Array;
  mtu: number;
  /** Switched on by the administrator. */
  up: boolean;
  /** Up, and the wire (or the lower device) is there: frames can pass. */
  carrier: boolean;
  loopback: boolean;
  /** `veth`, `macvlan`, `bridge` and so on; undefined for hardware. */
  kind: string | undefined;
  /** The parent's index: of a macvlan, the device that it sits on. */
  parentIndex: number | undefined;
  /** The index of the bridge, bond or VRF that it is enslaved to. */
  masterIndex: number | undefined;
}

/** A macvlan: a second MAC address on the parent's wire. */
export interface MacvlanSpecification {
  name: string;
  parentIndex: number;
  mac: Uint8Array;
}

function linkHeader(index: number, flags: number, change: number): Uint8Array {
  const body = new Uint8Array(IFINFO_BYTES);
  const view = new DataView(body.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, change, true);
  return body;
}

/** RTM_GETLINK for a dump. */
export function encodeGetLinks(): Uint8Array {
  return new Uint8Array(IFINFO_BYTES);
}

/**
 * RTM_NEWLINK of a macvlan, down. VEPA mode: all that it sends goes to the wire, and the parent hears what another host sends
 * from the same MAC address. In private mode the kernel gives such frames to the macvlan alone: the owner's announcements
 * and advertisements would be lost to a backup.
 */
export function encodeNewMacvlan({ name, parentIndex, mac }: MacvlanSpecification): RequestParts {
  return {
    body: linkHeader(0, 0, IFF_UP),
    attributes: [
      { type: IFLA_IFNAME, value: text(name) },
      { type: IFLA_ADDRESS, value: mac },
      { type: IFLA_LINK, value: u32(parentIndex) },
      {
        type: IFLA_LINKINFO,
        value: encodeAttributes([
          { type: IFLA_INFO_KIND, value: text('macvlan') },
          {
            type: IFLA_INFO_DATA,
            value: encodeAttributes([{ type: IFLA_MACVLAN_MODE, value: u32(MACVLAN_MODE_VEPA) }]),
          },
        ]),
      },
    ],
  };
}

/** RTM_NEWLINK (existing: up or down) and RTM_DELLINK name the link by this. */
export function encodeLinkState(index: number, up: boolean): Uint8Array {
  return linkHeader(index, up ? IFF_UP : 0, IFF_UP);
}

/** RTM_NEWLINK of an existing link: what /proc/sys/net/ipv4/conf/NAME/promote_secondaries would set. */
export function encodePromoteSecondaries(index: number): RequestParts {
  const setting = encodeAttributes([{ type: IPV4_DEVCONF_PROMOTE_SECONDARIES, value: u32(1) }]);
  const inet = encodeAttributes([{ type: IFLA_INET_CONF, value: setting }]);
  return {
    body: linkHeader(index, 0, 0),
    attributes: [{ type: IFLA_AF_SPEC, value: encodeAttributes([{ type: AF_INET, value: inet }]) }],
  };
}

/** One row of a link dump; undefined for one without a name. */
export function decodeLink(payload: Uint8Array): Link | undefined {
  if (payload.length < IFINFO_BYTES) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const flags = view.getUint32(8, true);
  const attributes = decodeAttributes(payload, IFINFO_BYTES);
  const name = attributes.get(IFLA_IFNAME);
  if (name === undefined) return undefined;
  const information = attributes.get(IFLA_LINKINFO);
  const kind = information === undefined ? undefined : decodeAttributes(information).get(IFLA_INFO_KIND);
  return {
    index: view.getInt32(4, true),
    name: attributeText(name),
    mac: attributes.get(IFLA_ADDRESS) ?? new Uint8Array(0),
    mtu: attributeU32(attributes.get(IFLA_MTU)) ?? 0,
    up: (flags & IFF_UP) !== 0,
    carrier: (flags & IFF_LOWER_UP) !== 0 && (flags & IFF_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    kind: kind === undefined ? undefined : attributeText(kind),
    parentIndex: attributeU32(attributes.get(IFLA_LINK)),
    masterIndex: attributeU32(attributes.get(IFLA_MASTER)),
  };
}
