import type { AddressFamily } from '@tiebreak/shared/vrrp';
import { addressBytes, familyNumber, familyOfNumber } from './address-family.ts';
import { attributeU32, decodeAttributes, type NetlinkAttribute, u32 } from './netlink-message.ts';
import { OUR_PROTOCOL, type RequestParts } from './rtnetlink-request.ts';

/** rtnetlink(7), routes: encoded and decoded. Pure: no socket, no system call. */

export const RTM_NEWROUTE = 24;
export const RTM_DELROUTE = 25;
export const RTM_GETROUTE = 26;

const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_PREFSRC = 7;
const RTA_TABLE = 15;
const RTA_VIA = 18;
/** RTA_VIA has the gateway's family before its address. */
const VIA_FAMILY_BYTES = 2;
const RT_TABLE_MAIN = 254;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTMSG_BYTES = 12;
const PROTOCOL = 5;

export interface RouteSpecification {
  family: AddressFamily;
  /** The network; bits behind the prefix must be zero. */
  to: Uint8Array;
  prefixLength: number;
  /** The gateway; without one the network is on the link itself. */
  via?: Uint8Array | undefined;
  interfaceIndex: number;
  /** The address that this host's own traffic is sent from; it must be there. undefined: the kernel chooses. */
  source?: Uint8Array | undefined;
  /** The lower goes first. undefined: the kernel's default, 0 for IPv4 and 1024 for IPv6. */
  metric?: number | undefined;
  /** undefined: main */
  table?: number | undefined;
}

function routeHeader(specification: RouteSpecification, scope: number): Uint8Array {
  const { table = RT_TABLE_MAIN } = specification;
  return Uint8Array.of(
    familyNumber(specification.family),
    specification.prefixLength,
    0,
    0,
    // A number of more than a byte is in its attribute alone.
    table > 0xff ? 0 : table,
    OUR_PROTOCOL,
    scope,
    RTN_UNICAST,
    0,
    0,
    0,
    0,
  );
}

function routeAttributes(specification: RouteSpecification): NetlinkAttribute[] {
  const { to, via, interfaceIndex, source, metric, table } = specification;
  const attributes = [
    { type: RTA_DST, value: to },
    { type: RTA_OIF, value: u32(interfaceIndex) },
  ];
  if (via !== undefined) attributes.push({ type: RTA_GATEWAY, value: via });
  if (source !== undefined) attributes.push({ type: RTA_PREFSRC, value: source });
  if (metric !== undefined) attributes.push({ type: RTA_PRIORITY, value: u32(metric) });
  if (table !== undefined) attributes.push({ type: RTA_TABLE, value: u32(table) });
  return attributes;
}

/** RTM_NEWROUTE */
export function encodeNewRoute(specification: RouteSpecification): RequestParts {
  const scope = specification.via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  return { body: routeHeader(specification, scope), attributes: routeAttributes(specification) };
}

/** RTM_DELROUTE: only of a route that carries our protocol number, whatever its scope. */
export function encodeDeleteRoute(specification: RouteSpecification): RequestParts {
  return { body: routeHeader(specification, RT_SCOPE_NOWHERE), attributes: routeAttributes(specification) };
}

/** RTM_GETROUTE for a dump of both families: of ours only, where the kernel can choose (Linux 4.20). */
export function encodeGetRoutes(): Uint8Array {
  const body = new Uint8Array(RTMSG_BYTES);
  body[PROTOCOL] = OUR_PROTOCOL;
  return body;
}

/** One row of a route dump; undefined unless it is one of ours, through an interface. */
export function decodeOurRoute(payload: Uint8Array): RouteSpecification | undefined {
  if (payload.length < RTMSG_BYTES) return undefined;
  const [familyByte = 0, prefixLength = 0, , , tableByte = 0, protocol = 0] = payload;
  const family = familyOfNumber(familyByte);
  const attributes = decodeAttributes(payload, RTMSG_BYTES);
  const table = attributeU32(attributes.get(RTA_TABLE)) ?? tableByte;
  const interfaceIndex = attributeU32(attributes.get(RTA_OIF));
  if (family === undefined || protocol !== OUR_PROTOCOL || interfaceIndex === undefined) return undefined;
  const metric = attributeU32(attributes.get(RTA_PRIORITY));
  const source = attributes.get(RTA_PREFSRC);
  const via = attributes.get(RTA_GATEWAY);
  return {
    family,
    to: attributes.get(RTA_DST) ?? new Uint8Array(addressBytes(family)),
    prefixLength,
    interfaceIndex,
    ...(via === undefined ? {} : { via }),
    ...(source === undefined ? {} : { source }),
    ...(metric === undefined ? {} : { metric }),
    ...(table === RT_TABLE_MAIN ? {} : { table }),
  };
}

/** How the kernel would send to an address now. */
export interface FoundRoute {
  interfaceIndex: number;
  /** The next hop, of either family; undefined: the address itself is on the link. */
  gateway: Uint8Array | undefined;
  /** The address that the kernel would send from. */
  source: Uint8Array | undefined;
}

/** RTM_GETROUTE for one address: what `ip route get` asks. */
export function encodeGetRoute(to: Uint8Array): RequestParts {
  const body = new Uint8Array(RTMSG_BYTES);
  body[0] = familyNumber(to.length === addressBytes('ipv6') ? 'ipv6' : 'ipv4');
  body[1] = to.length * 8;
  return { body, attributes: [{ type: RTA_DST, value: to }] };
}

/** The answer to that; undefined for a route that leads through no interface. */
export function decodeRoute(payload: Uint8Array): FoundRoute | undefined {
  if (payload.length < RTMSG_BYTES) return undefined;
  const attributes = decodeAttributes(payload, RTMSG_BYTES);
  const interfaceIndex = attributeU32(attributes.get(RTA_OIF));
  if (interfaceIndex === undefined) return undefined;
  const gateway = attributes.get(RTA_GATEWAY) ?? attributes.get(RTA_VIA)?.subarray(VIA_FAMILY_BYTES);
  return { interfaceIndex, gateway, source: attributes.get(RTA_PREFSRC) };
}
