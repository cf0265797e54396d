import type { AddressFamily } from '@tiebreak/shared/vrrp';
import { addressBytes, familyNumber, familyOfNumber } from './address-family.ts';
import { attributeText, attributeU32, decodeAttributes, type NetlinkAttribute, text, u32 } from './netlink-message.ts';
import { OUR_PROTOCOL, type RequestParts } from './rtnetlink-request.ts';

/** rtnetlink(7), addresses: encoded and decoded. Pure: no socket, no system call. */

export const RTM_NEWADDR = 20;
export const RTM_DELADDR = 21;
export const RTM_GETADDR = 22;

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
const IFA_F_NOPREFIXROUTE = 0x200;
const LIFETIME_FOREVER = 0xffffffff;

/** How far an IPv4 address is good for, as the kernel counts it (rtnetlink(7)); it settles IPv6 by itself. */
const RT_SCOPES = { global: 0, site: 200, link: 253, host: 254 } as const;

/** An address as a request names it. `prefixLength` is part of its identity in IPv4. */
export interface AddressSpecification {
  interfaceIndex: number;
  family: AddressFamily;
  address: Uint8Array;
  prefixLength: number;
  /** IPv4 only, at most 15 bytes; by custom `<interface>:<anything>`. */
  label?: string | undefined;
  /** IPv4 only; global if left out. */
  scope?: keyof typeof RT_SCOPES | undefined;
  /** The way to its network leads over another interface. */
  noPrefixRoute?: boolean | undefined;
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

function addressHeader(specification: AddressSpecification): Uint8Array {
  const body = new Uint8Array(8);
  const view = new DataView(body.buffer);
  view.setUint8(0, familyNumber(specification.family));
  view.setUint8(1, specification.prefixLength);
  view.setUint8(3, RT_SCOPES[specification.scope ?? 'global']);
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
  const withoutRoute = specification.noPrefixRoute === true ? IFA_F_NOPREFIXROUTE : 0;
  if (specification.family === 'ipv4' && withoutRoute !== 0)
    attributes.push({ type: IFA_FLAGS, value: u32(withoutRoute) });
  if (specification.family === 'ipv6') {
    const lifetimes = new Uint8Array(16); // preferred, valid, created, updated
    new DataView(lifetimes.buffer).setUint32(4, LIFETIME_FOREVER, true);
    attributes.push(
      { type: IFA_FLAGS, value: u32(IFA_F_NODAD | withoutRoute) },
      { type: IFA_CACHEINFO, value: lifetimes },
    );
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
