/**
 * Stops an engine inside one moment: when its main thread is about to send a lease packet of the given kind, that is
 * after it has read the clock and before the kernel acts. `node hold.ts PID refresh|open HOLD_MS` prints 'held US' when it
 * has stopped it and 'released US' when it lets it go on (wall clock, microseconds), and ends.
 *
 * A tracer by ptrace(2): a debugger would stop the process while it reads its symbols, and a signal cannot aim.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import koffi from 'koffi';
import { LEASE_PACKET_BYTES, LEASE_PORT } from '../../agent/kernel/fence/lease-packet.ts';

const PTRACE_DETACH = 17;
const PTRACE_SYSCALL = 24;
const PTRACE_SEIZE = 0x4206;
const PTRACE_INTERRUPT = 0x4207;
const PTRACE_GET_SYSCALL_INFO = 0x420e;
const PTRACE_O_TRACESYSGOOD = 1;
const PTRACE_EVENT_STOP = 128;
const SYSCALL_ENTRY = 1;
const SIGTRAP = 5;
const SYSCALL_STOP = SIGTRAP | 0x80;
const WALL = 0x4000_0000;
const SENDTO = process.arch === 'arm64' ? 206n : 44n;
const PATIENCE_MS = 8_000;

const libc = koffi.load('libc.so.6');
const ptrace = libc.func('long ptrace(long request, long pid, uintptr_t address, uintptr_t data)');
const ptraceInto = libc.func('long ptrace(long request, long pid, uintptr_t size, uint8_t *into)');
const waitpid = libc.func('int waitpid(int pid, uint8_t *status, int options)');

const [pidText, kind, holdText] = process.argv.slice(2);
if (pidText === undefined || holdText === undefined || (kind !== 'refresh' && kind !== 'open')) {
  throw new Error('usage: hold.ts PID refresh|open HOLD_MS');
}
const pid = Number(pidText);
const holdMs = Number(holdText);
const memory = openSync(`/proc/${pid}/mem`, 'r');
const status = Buffer.alloc(4);
const call = Buffer.alloc(88);

check(ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD), 'PTRACE_SEIZE');
check(ptrace(PTRACE_INTERRUPT, pid, 0, 0), 'PTRACE_INTERRUPT');
const deadline = performance.now() + PATIENCE_MS;
for (;;) {
  check(waitpid(pid, status, WALL), 'waitpid');
  const word = status.readInt32LE(0);
  if ((word & 0xff) !== 0x7f) throw new Error(`process ${pid} ended`);
  const signal = (word >> 8) & 0xff;
  const found = signal === SYSCALL_STOP && isAwaited();
  if (found) {
    say('held');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, holdMs);
    say('released');
  }
  if (found || performance.now() > deadline) break;
  const own = signal === SYSCALL_STOP || word >> 16 === PTRACE_EVENT_STOP;
  check(ptrace(PTRACE_SYSCALL, pid, 0, own ? 0 : signal), 'PTRACE_SYSCALL');
}
check(ptrace(PTRACE_DETACH, pid, 0, 0), 'PTRACE_DETACH');
closeSync(memory);

/** Whether the thread stands before sendto(fd, lease packet of that kind, 24, flags, 127.0.0.1:3113, 16). */
function isAwaited(): boolean {
  check(ptraceInto(PTRACE_GET_SYSCALL_INFO, pid, call.length, call), 'PTRACE_GET_SYSCALL_INFO');
  if (call.readUInt8(0) !== SYSCALL_ENTRY || call.readBigUInt64LE(24) !== SENDTO) return false;
  const argument = (index: number): bigint => call.readBigUInt64LE(32 + 8 * index);
  if (argument(2) !== BigInt(LEASE_PACKET_BYTES) || argument(4) === 0n) return false;
  if (bytesAt(argument(4), 4).readUInt16BE(2) !== LEASE_PORT) return false;
  const code = bytesAt(argument(1), LEASE_PACKET_BYTES).readUInt16BE(22);
  return kind === 'open' ? code >= 0x8000 : code > 0 && code < 0x7fff;
}

function bytesAt(address: bigint, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  readSync(memory, bytes, 0, length, address);
  return bytes;
}

function say(what: string): void {
  process.stdout.write(`${what} ${Date.now() * 1_000}\n`);
}

function check(result: unknown, what: string): void {
  if (typeof result !== 'number' || result < 0) throw new Error(`${what}: errno ${koffi.errno()}`);
}
