import { constants } from 'node:os';
import { addressBytes } from './address-family.ts';
import { type SystemResult, systemError } from './errno.ts';
import { NLM_F_CREATE, NLM_F_EXCL } from './netlink-message.ts';
import { type NetlinkSocket, type NetlinkVerdict, openNetlink } from './netlink-socket.ts';
import * as addressTable from './rtnetlink-address.ts';
import * as linkTable from './rtnetlink-link.ts';
import { NAME_BYTES_MAX, type RequestParts } from './rtnetlink-request.ts';
import * as routeTable from './rtnetlink-route.ts';

const NETLINK_ROUTE = 0;

/** What a change came to. `already-there` and `not-there` are no errors: the kernel is in the wanted state. */
export type Change = 'done' | 'already-there' | 'not-there';

/**
 * The kernel's links, addresses and routes, in the network namespace that the process was in when it was opened.
 * Each call is synchronous and returns the kernel's verdict; a change has taken effect when it returns.
 */
export interface Rtnetlink {
  links(): SystemResult<linkTable.Link[]>;
  /** Addresses of all interfaces, or of one. */
  addresses(interfaceIndex?: number): SystemResult<addressTable.InterfaceAddress[]>;
  /**
   * Adds an address that must not exist yet (never a replace: that would re-create what has expired). IPv6 without
   * duplicate address detection and deprecated as source. In IPv4 the same address with another prefix length is
   * another address to the kernel, so look at `addresses` to find out whether it is there in any form.
   */
  addAddress(address: addressTable.AddressSpecification): SystemResult<'done' | 'already-there'>;
  /** Removes the address with just this prefix length. `not-there` also when the interface itself has gone. */
  removeAddress(address: addressTable.AddressSpecification): SystemResult<'done' | 'not-there'>;
  /** Adds a route, marked with our protocol number (112). `already-there`: one to that network is, whoever has made it. */
  addRoute(route: routeTable.RouteSpecification): SystemResult<'done' | 'already-there'>;
  /** Removes a route that carries our protocol number; others' routes are `not-there`. */
  removeRoute(route: routeTable.RouteSpecification): SystemResult<'done' | 'not-there'>;
  /** The routes of all tables that carry our protocol number. Goes through every route of this host: not for what is urgent. */
  ourRoutes(): SystemResult<routeTable.RouteSpecification[]>;
  /** How the kernel would send to this address now (`ip route get`); `ENETUNREACH` if it would not. */
  routeTo(address: Uint8Array): SystemResult<routeTable.FoundRoute>;
  /** Creates a macvlan for a virtual MAC. It is down: what must be in place before its first frame is the caller's to know. */
  addMacvlan(macvlan: linkTable.MacvlanSpecification): SystemResult<'done' | 'already-there'>;
  removeLink(interfaceIndex: number): SystemResult<'done' | 'not-there'>;
  setLinkUp(interfaceIndex: number, up: boolean): SystemResult<'done'>;
  /**
   * From now on no IPv4 address of this link goes with another one of its network that is removed. Without it the kernel
   * removes them all when the one goes that was there first.
   */
  promoteSecondaries(interfaceIndex: number): SystemResult<'done'>;
  close(): void;
}

/** Opens rtnetlink. Reading needs no privilege; changing needs CAP_NET_ADMIN and fails with `EPERM` without it. */
export function openRtnetlink(): SystemResult<Rtnetlink> {
  const opened = openNetlink(NETLINK_ROUTE);
  return opened.ok ? { ok: true, value: rtnetlink(opened.value) } : opened;
}

function rtnetlink(socket: NetlinkSocket): Rtnetlink {
  function add(call: string, type: number, { body, attributes }: RequestParts): SystemResult<'done' | 'already-there'> {
    const verdict = socket.request(type, NLM_F_CREATE | NLM_F_EXCL, body, attributes);
    if (verdict.ok) return { ok: true, value: 'done' };
    if (verdict.code === 'EEXIST') return { ok: true, value: 'already-there' };
    return refused(call, verdict);
  }

  function remove(
    call: string,
    absent: readonly string[],
    type: number,
    { body, attributes }: RequestParts,
  ): SystemResult<'done' | 'not-there'> {
    const verdict = socket.request(type, 0, body, attributes);
    if (verdict.ok) return { ok: true, value: 'done' };
    if (absent.includes(verdict.code)) return { ok: true, value: 'not-there' };
    return refused(call, verdict);
  }

  function dump<Row>(
    type: number,
    body: Uint8Array,
    decode: (payload: Uint8Array) => Row | undefined,
  ): SystemResult<Row[]> {
    const answer = socket.dump(type, body);
    if (!answer.ok) return answer;
    return { ok: true, value: answer.value.map(({ payload }) => decode(payload)).filter((row) => row !== undefined) };
  }

  return {
    links: () => dump(linkTable.RTM_GETLINK, linkTable.encodeGetLinks(), linkTable.decodeLink),
    addresses(interfaceIndex) {
      const all = dump(addressTable.RTM_GETADDR, addressTable.encodeGetAddresses(), addressTable.decodeAddress);
      if (!all.ok || interfaceIndex === undefined) return all;
      return { ok: true, value: all.value.filter((address) => address.interfaceIndex === interfaceIndex) };
    },
    addAddress(address) {
      const wrong = malformedAddress(address);
      if (wrong !== undefined) return systemError('add address', constants.errno.EINVAL, wrong);
      return add('add address', addressTable.RTM_NEWADDR, addressTable.encodeNewAddress(address));
    },
    removeAddress(address) {
      const wrong = malformedAddress(address);
      if (wrong !== undefined) return systemError('remove address', constants.errno.EINVAL, wrong);
      const absent = ['EADDRNOTAVAIL', 'ENODEV', 'ENXIO'];
      return remove('remove address', absent, addressTable.RTM_DELADDR, addressTable.encodeDeleteAddress(address));
    },
    addRoute: (route) => add('add route', routeTable.RTM_NEWROUTE, routeTable.encodeNewRoute(route)),
    removeRoute: (route) =>
      remove('remove route', ['ESRCH', 'ENODEV'], routeTable.RTM_DELROUTE, routeTable.encodeDeleteRoute(route)),
    ourRoutes: () => dump(routeTable.RTM_GETROUTE, routeTable.encodeGetRoutes(), routeTable.decodeOurRoute),
    routeTo(address) {
      const { body, attributes } = routeTable.encodeGetRoute(address);
      const answer = socket.get(routeTable.RTM_GETROUTE, body, attributes);
      if (!answer.ok) return answer;
      const route = routeTable.decodeRoute(answer.value.payload);
      return route === undefined ? systemError('route to', constants.errno.ENETUNREACH) : { ok: true, value: route };
    },
    addMacvlan: (macvlan) => add('add macvlan', linkTable.RTM_NEWLINK, linkTable.encodeNewMacvlan(macvlan)),
    removeLink: (interfaceIndex) =>
      remove('remove link', ['ENODEV'], linkTable.RTM_DELLINK, {
        body: linkTable.encodeLinkState(interfaceIndex, false),
        attributes: [],
      }),
    setLinkUp(interfaceIndex, up) {
      const verdict = socket.request(linkTable.RTM_NEWLINK, 0, linkTable.encodeLinkState(interfaceIndex, up), []);
      return verdict.ok ? { ok: true, value: 'done' } : refused(`set link ${up ? 'up' : 'down'}`, verdict);
    },
    promoteSecondaries(interfaceIndex) {
      const { body, attributes } = linkTable.encodePromoteSecondaries(interfaceIndex);
      const verdict = socket.request(linkTable.RTM_NEWLINK, 0, body, attributes);
      return verdict.ok ? { ok: true, value: 'done' } : refused('set promote_secondaries', verdict);
    },
    close: () => socket.close(),
  };
}

function refused(call: string, verdict: Exclude<NetlinkVerdict, { ok: true }>): SystemResult<never> {
  return systemError(call, verdict.errno, verdict.reason);
}

function malformedAddress({
  family,
  address,
  prefixLength,
  label,
}: addressTable.AddressSpecification): string | undefined {
  const bytes = addressBytes(family);
  if (address.length !== bytes) return `an ${family} address has ${bytes} bytes, not ${address.length}`;
  if (prefixLength < 0 || prefixLength > bytes * 8) return `prefix length ${prefixLength} is outside 0..${bytes * 8}`;
  if (label !== undefined && new TextEncoder().encode(label).length > NAME_BYTES_MAX) {
    return `label ${label} is longer than ${NAME_BYTES_MAX} bytes`;
  }
  return undefined;
}
