/**
 * The sending half of the prober, a process of its own in the client's namespace: sends the probes of one tick every
 * period and does nothing else. It reads no answer and writes nothing, so nothing can hold it up; the capture beside it
 * stamps both directions in the kernel.
 */
import koffi from 'koffi';
import { arpRequest, directEcho, ECHO_ID, echoRequest, type ProbeAddresses } from './frames.ts';

const AF_INET = 2;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const IPPROTO_ICMP = 1;
const SOL_RAW = 255;
const ICMP_FILTER = 1;
const MSG_DONTWAIT = 0x40;
const SCHED_FIFO = 1;
const REAL_TIME_PRIORITY = 10;

const libc = koffi.load('libc.so.6');
const socket = libc.func('int socket(int domain, int type, int protocol)');
const sendto = libc.func(
  'int64_t sendto(int fd, const uint8_t *data, size_t size, int flags, const uint8_t *to, uint32_t toSize)',
);
const setsockopt = libc.func('int setsockopt(int fd, int level, int name, const uint8_t *value, uint32_t size)');
const schedSetScheduler = libc.func('int sched_setscheduler(int pid, int policy, const uint8_t *priority)');
const ifNameToIndex = libc.func('uint32_t if_nametoindex(const char *name)');

const [interfaceName, periodText, probeMac, probeAddress, virtualAddress, macA, macB] = process.argv.slice(2);
if (
  interfaceName === undefined ||
  periodText === undefined ||
  probeMac === undefined ||
  probeAddress === undefined ||
  virtualAddress === undefined ||
  macA === undefined ||
  macB === undefined
) {
  throw new Error('usage: probe-sender.ts INTERFACE PERIOD_MS PROBE_MAC PROBE_ADDRESS VIRTUAL_ADDRESS MAC_A MAC_B');
}
const addresses: ProbeAddresses = { probeMac, probeAddress, virtualAddress };
const periodMs = Number(periodText);

const packetSocket = opened(socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0));
const clientSocket = opened(socket(AF_INET, SOCK_RAW | SOCK_NONBLOCK, IPPROTO_ICMP));
// The capture reads the answers; the socket would only fill its buffer with them.
const nothing = Buffer.alloc(4, 0xff);
opened(setsockopt(clientSocket, SOL_RAW, ICMP_FILTER, nothing, nothing.length));

// struct sockaddr_ll: the frame carries its own addresses, only the interface counts.
const link = Buffer.alloc(20);
link.writeUInt16LE(AF_PACKET, 0);
link.writeInt32LE(ifNameToIndex(interfaceName), 4);
const route = Buffer.alloc(16);
route.writeUInt16LE(AF_INET, 0);
route.set(virtualAddress.split('.').map(Number), 4);

// A few microseconds every 2 ms, ahead of whatever else is busy. Where it is not allowed, the stalls show in the analysis.
const priority = Buffer.alloc(4);
priority.writeInt32LE(REAL_TIME_PRIORITY, 0);
schedSetScheduler(0, SCHED_FIFO, priority);

const arp = arpRequest(addresses);
const sleeper = new Int32Array(new SharedArrayBuffer(4));
let due = performance.now();
for (let tick = 1; ; tick++) {
  sendFrame(arp);
  sendFrame(directEcho(addresses, macB, ECHO_ID.b, tick));
  sendFrame(directEcho(addresses, macA, ECHO_ID.a, tick));
  // Last, so that no answer of this tick that counts as the client's is older than the request on record.
  sendto(clientSocket, echoRequest(ECHO_ID.client, tick), 16, MSG_DONTWAIT, route, route.length);
  // After a stall the missed ticks are left out, not made up for: a burst would measure the burst.
  due = Math.max(due + periodMs, performance.now());
  Atomics.wait(sleeper, 0, 0, due - performance.now());
}

function sendFrame(frame: Buffer): void {
  sendto(packetSocket, frame, frame.length, MSG_DONTWAIT, link, link.length);
}

function opened(result: unknown): number {
  if (typeof result !== 'number' || result < 0) throw new Error(`the prober needs raw sockets: errno ${koffi.errno()}`);
  return result;
}
