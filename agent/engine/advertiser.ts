import {
  type Advertisement,
  advertisementV2,
  advertisementV3,
  announcedIntervalCs,
  announcedIntervalS,
  encodeAdvertisement,
  RELEASE_PRIORITY,
} from '@tiebreak/shared/vrrp';
import type { VirtualRouterConfig } from '../config/index.ts';
import type { VrrpPacket, VrrpSocket } from '../kernel/index.ts';
import { bytesOf } from './address-bytes.ts';
import type { AdvertisementHmac } from './advertisement-hmac.ts';
import { passwordBytes, SIMPLE_TEXT_PASSWORD } from './simple-password.ts';

export type SendAdvertisement = (packet: { destination: Uint8Array; message: Uint8Array }) => void;

/**
 * What a router says with one priority, the release included, is encoded once for each destination. With a
 * virtual MAC the first is multicast from there (RFC 9568 section 7.3); the release never is, or the switch would learn the MAC
 * at the port that it has just left. Unicast goes from the parent: the kernel would ask for a peer from the virtual MAC, in the
 * name of this host's own address.
 */
export function advertiser(
  config: VirtualRouterConfig,
  source: Uint8Array,
  socket: VrrpSocket,
  sendFromVirtualMac: SendAdvertisement,
  hmac: AdvertisementHmac | undefined,
): (priority: number) => void {
  const messages = new Map<number, readonly { destination: Uint8Array; message: Uint8Array }[]>();
  function encoded(priority: number): readonly { destination: Uint8Array; message: Uint8Array }[] {
    const known = messages.get(priority);
    if (known !== undefined) return known;
    const advertisement = advertisementOf(config, priority);
    const made = socket.destinations.map((destination) => ({
      destination,
      message: encodeAdvertisement(advertisement, { source, destination, checksumForm: config.checksum }),
    }));
    messages.set(priority, made);
    return made;
  }
  const packets = new Map<number, readonly VrrpPacket[]>();
  function packetsOf(priority: number): readonly VrrpPacket[] {
    const known = packets.get(priority);
    if (known !== undefined) return known;
    const made = encoded(priority).map(({ message, destination }) => socket.packet(message, destination));
    packets.set(priority, made);
    return made;
  }
  return (priority) => {
    if (config.virtualMac && config.unicast === null && priority !== RELEASE_PRIORITY) {
      for (const packet of hmac?.signed(encoded(priority)) ?? encoded(priority)) sendFromVirtualMac(packet);
    } else if (hmac === undefined) {
      for (const packet of packetsOf(priority)) socket.send(packet);
    } else {
      for (const { message, destination } of hmac.signed(encoded(priority))) {
        socket.send(socket.packet(message, destination));
      }
    }
  };
}

function advertisementOf(config: VirtualRouterConfig, priority: number): Advertisement {
  const { virtualRouterId, advertisementIntervalUs, authPass, family } = config;
  const addresses = config.addresses.filter(({ advertised }) => advertised).map(({ address }) => bytesOf(address));
  if (config.version === 2) {
    return advertisementV2({
      virtualRouterId,
      priority,
      intervalS: announcedIntervalS(advertisementIntervalUs),
      addresses,
      ...(authPass === null ? {} : { authType: SIMPLE_TEXT_PASSWORD, authData: passwordBytes(authPass) }),
    });
  }
  const intervalCs = announcedIntervalCs(advertisementIntervalUs);
  return advertisementV3({ family, virtualRouterId, priority, intervalCs, addresses });
}
