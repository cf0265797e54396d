/**
 * What one VRRP message costs: `node test/bench/codec.bench.ts`. Prints, per kind of message, the median of several
 * rounds in nanoseconds for decoding, for encoding, and for both, and how many such pairs one thread does in a second.
 */
import {
  type Advertisement,
  advertisementV2,
  advertisementV3,
  type ChecksumForm,
  decodeAdvertisement,
  encodeAdvertisement,
  parseAddress,
} from '@tiebreak/shared/vrrp';

const ROUNDS = 15;
const MESSAGES_PER_ROUND = 300_000;

type Case = {
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

const cases: Case[] = [
  { name: 'v3 IPv4, 2 addresses, pseudo-header', advertisement: v3Ipv4, ...ipv4, checksumForm: 'pseudo-header' },
  { name: 'v3 IPv4, 2 addresses, message', advertisement: v3Ipv4, ...ipv4, checksumForm: 'message' },
  { name: 'v3 IPv4, 20 addresses', advertisement: v3Long, ...ipv4, checksumForm: 'pseudo-header' },
  { name: 'v3 IPv6, 2 addresses', advertisement: v3Ipv6, ...ipv6, checksumForm: 'pseudo-header' },
  { name: 'v2 IPv4, 2 addresses', advertisement: v2, ...ipv4, checksumForm: 'message' },
];

console.log(`node ${process.version}, median of ${ROUNDS} rounds of ${MESSAGES_PER_ROUND} messages`);
for (const each of cases) {
  // All kinds in one process, in turn: the engine sees them mixed too, so no call site may profit from seeing one only.
  const { advertisement, source, destination, checksumForm } = each;
  const sent = { source, destination, checksumForm };
  const received = { family: advertisement.family, source, destination, hopLimit: 255 };
  const message = encodeAdvertisement(advertisement, sent);
  if (!decodeAdvertisement(message, received).ok) throw new Error(`${each.name} does not decode`);

  const decodeNs = medianNs(() => (decodeAdvertisement(message, received).ok ? 1 : 0));
  const encodeNs = medianNs(() => encodeAdvertisement(advertisement, sent).length);
  const pairNs = medianNs(() => (decodeAdvertisement(encodeAdvertisement(advertisement, sent), received).ok ? 1 : 0));
  const columns = [decodeNs, encodeNs, pairNs].map((ns) => ns.toFixed(0).padStart(5));
  const millions = (1000 / pairNs).toFixed(2);
  console.log(
    `${each.name.padEnd(38)} decode${columns[0]} ns  encode${columns[1]} ns  pair${columns[2]} ns  ${millions} M pairs/s`,
  );
}

function medianNs(run: () => number): number {
  const samples: number[] = [];
  let kept = 0; // the results are used, or the optimiser may drop the work
  for (let round = 0; round <= ROUNDS; round++) {
    const start = process.hrtime.bigint();
    for (let count = 0; count < MESSAGES_PER_ROUND; count++) kept += run();
    const ns = Number(process.hrtime.bigint() - start) / MESSAGES_PER_ROUND;
    if (round > 0) samples.push(ns); // the first round warms up
  }
  if (kept === 0) throw new Error('nothing was measured');
  return samples.sort((left, right) => left - right)[ROUNDS >> 1] ?? Number.NaN;
}

function address(text: string): Uint8Array {
  const bytes = parseAddress(text);
  if (bytes === undefined) throw new Error(`${text} is no address`);
  return bytes;
}
