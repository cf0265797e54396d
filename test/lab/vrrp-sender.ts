import { parseAddress } from '@tiebreak/shared/vrrp';
import { interfaceIndex, openVrrpSocket } from '../../agent/kernel/index.ts';

/** `node vrrp-sender.ts ADDRESS HEX...`: sends each message to the VRRP group, from this address of `eth0`. */
const [, , text = '', ...messages] = process.argv;
const source = parseAddress(text);
const index = interfaceIndex('eth0');
if (source === undefined || !index.ok) throw new Error('usage: vrrp-sender ADDRESS HEX...');
const socket = openVrrpSocket({
  interface: 'eth0',
  interfaceIndex: index.value,
  family: 'ipv4',
  virtualRouterId: 1,
  intervalUs: 1_000_000,
  source,
  mode: { kind: 'multicast' },
  onMessage: () => {},
  onError: (error) => {
    throw new Error(error.text);
  },
});
if (!socket.ok) throw new Error(socket.text);
for (const message of messages) {
  for (const destination of socket.value.destinations)
    socket.value.send(socket.value.packet(Buffer.from(message, 'hex'), destination));
}
socket.value.close();
