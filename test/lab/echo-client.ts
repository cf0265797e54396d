/**
 * `node echo-client.ts ADDRESS`: asks the address for an echo every 10 ms by an ordinary socket, and prints a line
 * 'US TTL' for each answer: when it was read (wall clock, microseconds), and over how many routers it came.
 */
import { setInterval } from 'node:timers';
import koffi from 'koffi';
import { echoRequest } from './frames.ts';

const AF_INET = 2;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const IPPROTO_ICMP = 1;
const MSG_DONTWAIT = 0x40;
const PERIOD_MS = 10;
const IP_HEADER = 20;
const TTL_AT = 8;
const ECHO_REPLY = 0;

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const sendto = libc.func(
  'int64_t sendto(int fd, const uint8_t *data, size_t size, int flags, const uint8_t *to, uint32_t toSize)',
);
const recv = libc.func('int64_t recv(int fd, uint8_t *into, size_t size, int flags)');

const [address] = process.argv.slice(2);
if (address === undefined) throw new Error('usage: echo-client.ts ADDRESS');
const identifier = process.pid & 0xffff;
const fd: unknown = socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP);
if (typeof fd !== 'number' || fd < 0) throw new Error(`the echo client needs raw sockets: errno ${koffi.errno()}`);
const to = Buffer.alloc(16);
to.writeUInt16LE(AF_INET, 0);
to.set(address.split('.').map(Number), 4);
const packet = Buffer.alloc(128);

let tick = 0;
setInterval(() => {
  const request = echoRequest(identifier, tick++);
  sendto(fd, request, request.length, MSG_DONTWAIT, to, to.length);
  const lines: string[] = [];
  for (;;) {
    const size: unknown = recv(fd, packet, packet.length, MSG_DONTWAIT);
    if (typeof size !== 'number' || size < IP_HEADER + 8) break;
    const own = packet[IP_HEADER] === ECHO_REPLY && packet.readUInt16BE(IP_HEADER + 4) === identifier;
    if (own) lines.push(`${Date.now() * 1_000} ${packet[TTL_AT]}\n`);
  }
  if (lines.length > 0) process.stdout.write(lines.join(''));
}, PERIOD_MS);
