export { type AddressFamily, compareAddresses, familyOf, formatAddress, isLinkLocal, parseAddress } from './address.ts';
export {
  type Advertisement,
  type AdvertisementV2,
  type AdvertisementV3,
  AUTH_DATA_BYTES,
  type AuthType,
  addressAt,
  addressCount,
  advertisedIntervalUs,
  advertisementV2,
  advertisementV3,
} from './advertisement.ts';
export { type ChecksumForm, VRRP_PROTOCOL } from './checksum.ts';
export { type AntiReplay, ageS, isNew, nextSequence } from './hmac-sequence.ts';
export {
  type HmacSha256,
  isTrailerOf,
  makeTrailer,
  readTrailer,
  splitTrailer,
  TRAILER_BYTES,
  withTrailer,
} from './hmac-trailer.ts';
export { nextDeadlineUs, step } from './machine.ts';
export {
  type DecodedMessage,
  decodeAdvertisement,
  encodeAdvertisement,
  type ReceivedEnvelope,
  type RefusedMessage,
  type SentEnvelope,
  virtualRouterIdOf,
} from './packet.ts';
export {
  type DiscardReason,
  INITIALIZE,
  type Occurrence,
  type RouterEffect,
  type RouterEvent,
  type RouterParameters,
  type RouterState,
  routerParameters,
} from './router.ts';
export { initialRouters, type RoutersState, stepRouters } from './routers.ts';
export {
  activeDownIntervalUs,
  announcedIntervalCs,
  announcedIntervalS,
  OWNER_PRIORITY,
  RELEASE_PRIORITY,
  skewTimeUs,
  type VrrpVersion,
} from './timers.ts';
export { virtualRouterMac } from './virtual-mac.ts';
