export { type Account, findAccount } from './account.ts';
export { type OverheardMessage, openAdvertisementListener } from './advertisement-listener.ts';
export { type Announcer, openAnnouncer } from './announce.ts';
export { type Capability, missingCapabilities, missingFrom } from './capabilities.ts';
export type { AddressClaim } from './claim-filter.ts';
export { openClaimListener } from './claim-listener.ts';
export { boottimeUs, kernelTickUs, monotonicUs } from './clock.ts';
export { type ClockDiscipline, readClockDiscipline } from './clock-discipline.ts';
export type { SystemError, SystemResult } from './errno.ts';
export type { EventLoopSocket } from './event-loop-socket.ts';
export { type InterfaceSetting, readInterfaceSetting, writeInterfaceSetting } from './interface-settings.ts';
export { interfaceIndex } from './libc.ts';
export type { NetworkChange } from './network-change.ts';
export { openNetworkMonitor } from './network-monitor.ts';
export { type PacketProgram, packetPrograms } from './packet-programs.ts';
export { type Change, openRtnetlink, type Rtnetlink } from './rtnetlink.ts';
export type { AddressSpecification, InterfaceAddress } from './rtnetlink-address.ts';
export type { Link, MacvlanSpecification } from './rtnetlink-link.ts';
export { OUR_PROTOCOL } from './rtnetlink-request.ts';
export type { FoundRoute, RouteSpecification } from './rtnetlink-route.ts';
export { runInRealTime } from './scheduling.ts';
export { hearGathered } from './shared-vrrp-socket.ts';
export {
  openVrrpSocket,
  type ReceivedMessage,
  type VrrpPacket,
  type VrrpSocket,
  type VrrpSocketCounters,
  type VrrpSocketMode,
  type VrrpSocketOptions,
} from './vrrp-socket.ts';
