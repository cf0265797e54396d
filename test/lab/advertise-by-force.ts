import { setTimeout as sleep } from 'node:timers/promises';
import { advertisementV3, encodeAdvertisement, parseAddress } from '@tiebreak/shared/vrrp';
import { interfaceIndex, openVrrpSocket } from '../../agent/kernel/index.ts';

/** Advertises a virtual router by multicast until it is killed: another program on the LAN that uses the same id. */
const [, , name = '', sourceText = '', virtualRouterId = '', intervalMs = '', addressText = ''] = process.argv;
const source = parseAddress(sourceText);
const address = parseAddress(addressText);
const index = interfaceIndex(name);
if (source === undefined || address === undefined || !index.ok) {
  throw new Error('usage: advertise INTERFACE SOURCE VRID INTERVAL_MS ADDRESS');
}
const opened = openVrrpSocket({
  interface: name,
  interfaceIndex: index.value,
  family: 'ipv4',
  virtualRouterId: Number(virtualRouterId),
  intervalUs: Number(intervalMs) * 1_000,
  source,
  mode: { kind: 'multicast' },
  onMessage: () => {},
  onError: ({ text }) => console.error(text),
});
if (!opened.ok) throw new Error(opened.text);
const advertisement = advertisementV3({
  family: 'ipv4',
  virtualRouterId: Number(virtualRouterId),
  priority: 50,
  intervalCs: Number(intervalMs) / 10,
  addresses: [address],
});
for (;;) {
  for (const destination of opened.value.destinations) {
    const message = encodeAdvertisement(advertisement, { source, destination, checksumForm: 'pseudo-header' });
    opened.value.send(opened.value.packet(message, destination));
  }
  await sleep(Number(intervalMs));
}
