import type { AddressFamily } from '@tiebreak/shared/vrrp';
import { addressBytes, familyNumber, familyOfNumber } from './address-family.ts';
import {
  attributeText,
  attributeU32,
  decodeAttributes,
  encodeAttributes,
  type NetlinkAttribute,
  text,
  u32,
} from './netlink-message.ts';

/** rtnetlink(7) structures, encoded and decoded. Pure: no socket, no system call. */

export const RTM_NEWLINK = 16;
export const RTM_DELLINK = 17;
export const RTM_GETLINK = 18;
export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;
export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

/**
 * The protocol number that marks addresses (Linux 5.18) and routes as ours: VRRP's. `ip route show proto 112` lists
 * them, and a restarted agent recognises what a former run left.
 */
export const OUR_PROTOCOL = 112;

/** The longest label or interface name: IFNAMSIZ less the NUL. */
export const NAME_BYTES_MAX = 15;

const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_LABEL = 3;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_PROTO = 11;
const IFA_F_NODAD = 0x02;
const IFA_F_DADFAILED = 0x08;
const IFA_F_DEPRECATED = 0x20;
const IFA_F_TENTATIVE = 0x40;
const LIFETIME_FOREVER = 0xffffffff;

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_MACVLAN_MODE = 1;
const MACVLAN_MODE_PRIVATE = 1;
const IFF_UP = 0x1;
const IFF_LOOPBACK = 0x8;
const IFF_LOWER_UP = 0x10000;
const IFINFO_BYTES = 16;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTMSG_BYTES = 12;

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
}

/** An address as a request names it. `prefixLength` is part of its identity in IPv4. */
export interface AddressSpecification {
  interfaceIndex: number;
  family: AddressFamily;
  address: Uint8Array;
  prefixLength: number;
  /** IPv4 only, at most 15 bytes; by custom `<interface>:<anything>`. */
  label?: string | undefined;
}

export interface InterfaceAddress {
  interfaceIndex: number;
  family: AddressFamily;
  address: Uint8Array;
  prefixLength: number;
  /** IPv4 only: the interface's name unless it was given another. */
  label: string | undefined;
  /** `IFA_F_*` as the kernel reports them. */
  flags: number;
  /** Duplicate address detection is still running: not usable yet. */
  tentative: boolean;
  /** Duplicate address detection found another owner: the kernel does not use the address. */
  duplicate: boolean;
  /** Never chosen as a source address by itself. */
  deprecated: boolean;
  /** Added by a tiebreak agent. False for all before Linux 5.18, which keeps no such mark. */
  ours: boolean;
}

export interface RouteSpecification {
  family: AddressFamily;
  /** The network; bits behind the prefix must be zero. */
  to: Uint8Array;
  prefixLength: number;
  /** The gateway; without one the network is on the link itself. */
  via?: Uint8Array | undefined;
  interfaceIndex: number;
}

/** A macvlan in private mode: a second MAC address on the parent's wire. */
export interface MacvlanSpecification {
  name: string;
  parentIndex: number;
  mac: Uint8Array;
}

interface RequestParts {
  body: Uint8Array;
  attributes: NetlinkAttribute[];
}

function addressHeader(specification: AddressSpecification): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint8(0, familyNumber(specification.family));
  view.setUint8(1, specification.prefixLength);
  view.setUint32(4, specification.interfaceIndex, true);
  return body;
}

/**
 * RTM_NEWADDR. IPv6 goes without duplicate address detection (the lease has decided that, and detection costs two
 * seconds) and deprecated as source, so that the host's own traffic does not move with the address (DESIGN 4, Order).
 */
export function encodeNewAddress(specification: AddressSpecification): RequestParts {
  const attributes: NetlinkAttribute[] = [
    { type: IFA_LOCAL, value: specification.address },
    { type: IFA_ADDRESS, value: specification.address },
    { type: IFA_PROTO, value: Uint8Array.of(OUR_PROTOCOL) },
  ];
  if (specification.label !== undefined) attributes.push({ type: IFA_LABEL, value: text(specification.label) });
  if (specification.family === 'ipv6') {
    const lifetimes = new Uint8Array(16); // preferred, valid, created, updated
    new DataView(lifetimes.buffer).setUint32(4, LIFETIME_FOREVER, true);
    attributes.push({ type: IFA_FLAGS, value: u32(IFA_F_NODAD) }, { type: IFA_CACHEINFO, value: lifetimes });
  }
  return { body: addressHeader(specification), attributes };
}

/** RTM_DELADDR. The label is left out: it would have to match, and the address is what has to go. */
export function encodeDeleteAddress(specification: AddressSpecification): RequestParts {
  return {
    body: addressHeader(specification),
    attributes: [
      { type: IFA_LOCAL, value: specification.address },
      { type: IFA_ADDRESS, value: specification.address },
    ],
  };
}

/** RTM_GETADDR for a dump of all interfaces. */
export function encodeGetAddresses(): Uint8Array {
  return new Uint8Array(8);
}

/** One row of an address dump; undefined for other families and for rows without an address. */
export function decodeAddress(payload: Uint8Array): InterfaceAddress | undefined {
  if (payload.length < 8) return undefined;
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const family = familyOfNumber(view.getUint8(0));
  const attributes = decodeAttributes(payload, 8);
  // On a point-to-point link IFA_ADDRESS is the far end; IFA_LOCAL, where present, is always ours.
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (family === undefined || address?.length !== addressBytes(family)) return undefined;
  const flags = attributeU32(attributes.get(IFA_FLAGS)) ?? view.getUint8(2);
  const label = attributes.get(IFA_LABEL);
  return {
    interfaceIndex: view.getUint32(4, true),
    family,
    address,
    prefixLength: view.getUint8(1),
    label: label === undefined ? undefined : attributeText(label),
    flags,
    tentative: (flags & IFA_F_TENTATIVE) !== 0,
    duplicate: (flags & IFA_F_DADFAILED) !== 0,
    deprecated: (flags & IFA_F_DEPRECATED) !== 0,
    ours: attributes.get(IFA_PROTO)?.[0] === OUR_PROTOCOL,
  };
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

/** RTM_NEWLINK of a macvlan, up from the start. Private mode: it never talks to its siblings on the same parent. */
export function encodeNewMacvlan({ name, parentIndex, mac }: MacvlanSpecification): RequestParts {
  return {
    body: linkHeader(0, IFF_UP, IFF_UP),
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
            value: encodeAttributes([{ type: IFLA_MACVLAN_MODE, value: u32(MACVLAN_MODE_PRIVATE) }]),
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
  };
}

function routeHeader(specification: RouteSpecification, scope: number): Uint8Array {
  return Uint8Array.of(
    familyNumber(specification.family),
    specification.prefixLength,
    0,
    0,
    RT_TABLE_MAIN,
    OUR_PROTOCOL,
    scope,
    RTN_UNICAST,
    0,
    0,
    0,
    0,
  );
}

function routeAttributes({ to, via, interfaceIndex }: RouteSpecification): NetlinkAttribute[] {
  const attributes = [
    { type: RTA_DST, value: to },
    { type: RTA_OIF, value: u32(interfaceIndex) },
  ];
  if (via !== undefined) attributes.push({ type: RTA_GATEWAY, value: via });
  return attributes;
}

/** RTM_NEWROUTE into the main table. */
export function encodeNewRoute(specification: RouteSpecification): RequestParts {
  const scope = specification.via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  return { body: routeHeader(specification, scope), attributes: routeAttributes(specification) };
}

/** RTM_DELROUTE: only of a route that carries our protocol number, whatever its scope. */
export function encodeDeleteRoute(specification: RouteSpecification): RequestParts {
  return { body: routeHeader(specification, RT_SCOPE_NOWHERE), attributes: routeAttributes(specification) };
}

/** RTM_GETROUTE for a dump of both families. */
export function encodeGetRoutes(): Uint8Array {
  return new Uint8Array(RTMSG_BYTES);
}

/** One row of a route dump; undefined unless it is one of ours in the main table, through an interface. */
export function decodeOurRoute(payload: Uint8Array): RouteSpecification | undefined {
  if (payload.length < RTMSG_BYTES) return undefined;
  const [familyByte = 0, prefixLength = 0, , , tableByte = 0, protocol = 0] = payload;
  const family = familyOfNumber(familyByte);
  const attributes = decodeAttributes(payload, RTMSG_BYTES);
  const table = attributeU32(attributes.get(RTA_TABLE)) ?? tableByte;
  const interfaceIndex = attributeU32(attributes.get(RTA_OIF));
  if (family === undefined || protocol !== OUR_PROTOCOL || table !== RT_TABLE_MAIN || interfaceIndex === undefined) {
    return undefined;
  }
  const via = attributes.get(RTA_GATEWAY);
  return {
    family,
    to: attributes.get(RTA_DST) ?? new Uint8Array(addressBytes(family)),
    prefixLength,
    interfaceIndex,
    ...(via === undefined ? {} : { via }),
  };
}
