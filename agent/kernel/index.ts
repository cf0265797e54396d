export { type Announcer, openAnnouncer } from './announce.ts';
export { boottimeUs, kernelTickUs } from './clock.ts';
export type { SystemError, SystemResult } from './errno.ts';
export { type InterfaceSetting, readInterfaceSetting, writeInterfaceSetting } from './interface-settings.ts';
export { interfaceIndex } from './libc.ts';
export { type Change, openRtnetlink, type Rtnetlink } from './rtnetlink.ts';
export type { AddressSpecification, InterfaceAddress } from './rtnetlink-address.ts';
export type { Link, MacvlanSpecification } from './rtnetlink-link.ts';
export { OUR_PROTOCOL } from './rtnetlink-request.ts';
export type { RouteSpecification } from './rtnetlink-route.ts';
export {
  openVrrpSocket,
  type ReceivedMessage,
  type VrrpSocket,
  type VrrpSocketCounters,
  type VrrpSocketMode,
  type VrrpSocketOptions,
} from './vrrp-socket.ts';
