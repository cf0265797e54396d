/**
 * `node flood.ts INTERFACE RATE PLAN`: sends UDP datagrams to the sideband's port at about RATE a second until it is told
 * to stop. The plan is a JSON file: whom to send to, from which addresses (none of them its own), and recorded payloads to replay.
 * Between the replays comes garbage: random bytes, and bytes that begin like a datagram of ours.
 */
import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { setInterval } from 'node:timers';
import koffi from 'koffi';
import { z } from 'zod';

const AF_PACKET = 17;
const SOCK_RAW = 3;
const MSG_DONTWAIT = 0x40;
const ETHERTYPE_IPV4 = 0x0800;
const PROTOCOL_UDP = 17;
const SIDEBAND_PORT = 3112;
const BATCH_MS = 5;
const GARBAGE = 500;

const Plan = z.object({
  targets: z.array(z.object({ mac: z.string(), address: z.string() })),
  sources: z.array(z.string()),
  recorded: z.array(z.string()),
});

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const sendto = libc.func(
  'int64_t sendto(int fd, const uint8_t *data, size_t size, int flags, const uint8_t *to, uint32_t toSize)',
);
const ifNameToIndex = libc.func('uint32_t if_nametoindex(const char *name)');

const [interfaceName, rateText, planFile] = process.argv.slice(2);
if (interfaceName === undefined || rateText === undefined || planFile === undefined) {
  throw new Error('usage: flood.ts INTERFACE RATE PLAN');
}
const { targets, sources, recorded } = Plan.parse(JSON.parse(readFileSync(planFile, 'utf8')));
const fd: unknown = socket(AF_PACKET, SOCK_RAW, 0);
if (typeof fd !== 'number' || fd < 0) throw new Error(`a flood needs raw sockets: errno ${koffi.errno()}`);
const link = Buffer.alloc(20);
link.writeUInt16LE(AF_PACKET, 0);
link.writeInt32LE(ifNameToIndex(interfaceName), 4);

const payloads = [...recorded.map((hex) => Buffer.from(hex, 'hex')), ...Array.from({ length: GARBAGE }, garbage)];
const frames = targets.flatMap((target) =>
  sources.flatMap((source) => payloads.map((payload) => frame(target, source, payload))),
);
// In no order, so that neither hosts nor sources come in bursts.
for (let at = frames.length - 1; at > 0; at--) {
  const to = randomInt(at + 1);
  const [one, two] = [frames[at], frames[to]];
  if (one !== undefined && two !== undefined) [frames[at], frames[to]] = [two, one];
}

const started = performance.now();
let sent = 0;
setInterval(() => {
  const due = ((performance.now() - started) / 1_000) * Number(rateText);
  for (; sent < due; sent++) {
    const next = frames[sent % frames.length];
    if (next !== undefined) sendto(fd, next, next.length, MSG_DONTWAIT, link, link.length);
  }
}, BATCH_MS);
process.on('SIGTERM', () => {
  process.stdout.write(`sent ${sent}\n`);
  process.exit(0);
});
process.stdout.write(`flooding with ${frames.length} frames\n`);

function garbage(): Buffer {
  const bytes = randomBytes(randomInt(1, 300));
  if (randomInt(2) === 0 || bytes.length < 8) return bytes;
  bytes.set([0x54, 0x42, 1, 1, randomInt(8), 0, 0, 0]);
  return bytes;
}

function frame(target: { mac: string; address: string }, source: string, payload: Buffer): Buffer {
  const header = Buffer.alloc(14 + 20 + 8);
  header.set(
    target.mac.split(':').map((part) => Number.parseInt(part, 16)),
    0,
  );
  header.set([2, 0x77, 0, 0, 0, 0xfe], 6);
  header.writeUInt16BE(ETHERTYPE_IPV4, 12);
  header.writeUInt8(0x45, 14);
  header.writeUInt16BE(28 + payload.length, 16);
  header.writeUInt8(64, 22);
  header.writeUInt8(PROTOCOL_UDP, 23);
  header.set(source.split('.').map(Number), 26);
  header.set(target.address.split('.').map(Number), 30);
  header.writeUInt16BE(checksum(header.subarray(14, 34)), 24);
  header.writeUInt16BE(SIDEBAND_PORT, 34);
  header.writeUInt16BE(SIDEBAND_PORT, 36);
  // Without a checksum of its own, which UDP over IPv4 allows.
  header.writeUInt16BE(8 + payload.length, 38);
  return Buffer.concat([header, payload]);
}

function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at + 1 < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
