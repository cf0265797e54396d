/** What one VRRP message costs a thread. */
import {
  type Advertisement,
  advertisementV2,
  advertisementV3,
  type ChecksumForm,
  decodeAdvertisement,
  encodeAdvertisement,
  parseAddress,
} from '@tiebreak/shared/vrrp';
import { processorNsOf } from '../processor-time.ts';

const MESSAGES_PER_ROUND = 300_000;

export type CodecCase = {
  name: string;
  advertisement: Advertisement;
  source: Uint8Array;
  destination: Uint8Array;
  checksumForm: ChecksumForm;
};

const router = { virtualRouterId: 33, priority: 200 };
const ipv4 = { source: address('192.0.2.1'), destination: address('224.0.0.18') };
const ipv6 = { source: address('fe80::1'), destination: address('ff02::12') };
const twoIpv4 = [address('192.0.2.100'), address('192.0.2.101')];
const twoIpv6 = [address('fe80::100'), address('2001:db8::100')];
const twentyIpv4 = Array.from({ length: 20 }, (_, index) => address(`192.0.2.${100 + index}`));

const v3Ipv4 = advertisementV3({ ...router, family: 'ipv4', intervalCs: 10, addresses: twoIpv4 });
const v3Ipv6 = advertisementV3({ ...router, family: 'ipv6', intervalCs: 10, addresses: twoIpv6 });
const v3Long = advertisementV3({ ...router, family: 'ipv4', intervalCs: 10, addresses: twentyIpv4 });
const v2 = advertisementV2({ ...router, intervalS: 1, addresses: twoIpv4 });

export const CODEC_CASES: readonly CodecCase[] = [
  { name: 'v3 IPv4, 2 addresses, pseudo-header', advertisement: v3Ipv4, ...ipv4, checksumForm: 'pseudo-header' },
  { name: 'v3 IPv4, 2 addresses, message', advertisement: v3Ipv4, ...ipv4, checksumForm: 'message' },
  { name: 'v3 IPv4, 20 addresses', advertisement: v3Long, ...ipv4, checksumForm: 'pseudo-header' },
  { name: 'v3 IPv6, 2 addresses', advertisement: v3Ipv6, ...ipv6, checksumForm: 'pseudo-header' },
  { name: 'v2 IPv4, 2 addresses', advertisement: v2, ...ipv4, checksumForm: 'message' },
];

/** In ns for each message, of one round. */
export type CodecTimes = { readonly decodeNs: number; readonly encodeNs: number; readonly pairNs: number };

export function codecTimes(each: CodecCase): CodecTimes {
  const { advertisement, source, destination, checksumForm } = each;
  const sent = { source, destination, checksumForm };
  const received = { family: advertisement.family, source, destination, hopLimit: 255 };
  const message = encodeAdvertisement(advertisement, sent);
  if (!decodeAdvertisement(message, received).ok) throw new Error(`${each.name} does not decode`);
  return {
    decodeNs: roundNs(() => (decodeAdvertisement(message, received).ok ? 1 : 0)),
    encodeNs: roundNs(() => encodeAdvertisement(advertisement, sent).length),
    pairNs: roundNs(() => (decodeAdvertisement(encodeAdvertisement(advertisement, sent), received).ok ? 1 : 0)),
  };
}

function roundNs(run: () => number): number {
  let kept = 0; // the results are used, or the optimiser may drop the work
  const ns =
    processorNsOf(() => {
      for (let count = 0; count < MESSAGES_PER_ROUND; count++) kept += run();
    }) / MESSAGES_PER_ROUND;
  if (kept === 0) throw new Error('nothing was measured');
  return ns;
}

function address(text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes === undefined) throw new Error(`${text} is no address`);
  return bytes;
}
