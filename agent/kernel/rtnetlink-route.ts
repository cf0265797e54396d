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
const RTA_TABLE = 15;
const RT_TABLE_MAIN = 254;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;
const RTMSG_BYTES = 12;

export interface RouteSpecification {
  family: AddressFamily;
  /** The network; bits behind the prefix must be zero. */
  to: Uint8Array;
  prefixLength: number;
  /** The gateway; without one the network is on the link itself. */
  via?: Uint8Array | undefined;
  interfaceIndex: number;
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
