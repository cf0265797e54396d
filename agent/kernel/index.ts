export { type Announcer, openAnnouncer } from './announce.ts';
export { boottimeUs, kernelTickUs } from './clock.ts';
export type { SystemError, SystemResult } from './errno.ts';
export { interfaceIndex } from './libc.ts';
export { type Change, openRtnetlink, type Rtnetlink } from './rtnetlink.ts';
export {
  type AddressSpecification,
  type InterfaceAddress,
  type Link,
  type MacvlanSpecification,
  OUR_PROTOCOL,
  type RouteSpecification,
} from './rtnetlink-message.ts';
export {
  openVrrpSocket,
  type ReceivedMessage,
  type VrrpSocket,
  type VrrpSocketCounters,
  type VrrpSocketMode,
  type VrrpSocketOptions,
} from './vrrp-socket.ts';
