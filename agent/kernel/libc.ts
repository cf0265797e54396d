import koffi from 'koffi';
import { type SystemError, type SystemResult, systemError } from './errno.ts';
import { MSG_DONTWAIT } from './sockaddr.ts';

// The C library that this process already runs on: glibc or musl, whatever its file is called.
const libc = koffi.load(null);

const cSocket: (domain: number, type: number, protocol: number) => number = libc.func('int socket(int, int, int)');
const cBind: (fd: number, address: Uint8Array, length: number) => number = libc.func('int bind(int, void *, uint32_t)');
const cConnect: (fd: number, address: Uint8Array, length: number) => number = libc.func(
  'int connect(int, void *, uint32_t)',
);
const cSendTo: (
  fd: number,
  data: Uint8Array,
  length: number,
  flags: number,
  address: Uint8Array | null,
  addressLength: number,
) => number = libc.func('int64_t sendto(int, void *, size_t, int, void *, uint32_t)');
const cRecv: (fd: number, into: Uint8Array, length: number, flags: number) => number = libc.func(
  'int64_t recv(int, void *, size_t, int)',
);
const cRecvFrom: (
  fd: number,
  into: Uint8Array,
  length: number,
  flags: number,
  address: Uint8Array,
  addressLength: Uint32Array,
) => number = libc.func('int64_t recvfrom(int, void *, size_t, int, void *, void *)');
const cRecvMMsg: (fd: number, headers: bigint, count: number, flags: number, timeout: null) => number = libc.func(
  'int recvmmsg(int, uintptr_t, uint, int, void *)',
);
const cPoll: (fds: Uint8Array, count: number, timeoutMs: number) => number = libc.func('int poll(void *, ulong, int)');
const cSetSockOpt: (fd: number, level: number, option: number, value: Uint8Array, length: number) => number = libc.func(
  'int setsockopt(int, int, int, void *, uint32_t)',
);
const cGetSockOpt: (fd: number, level: number, option: number, value: Uint8Array, length: Uint32Array) => number =
  libc.func('int getsockopt(int, int, int, void *, void *)');
koffi.struct('sock_fprog', { len: 'uint16_t', filter: 'void *' });
const cAttachFilter: (
  fd: number,
  level: number,
  option: number,
  program: { len: number; filter: Uint8Array },
  length: number,
) => number = libc.func('int setsockopt(int, int, int, sock_fprog *, uint32_t)');
const cGetSockName: (fd: number, address: Uint8Array, length: Uint32Array) => number = libc.func(
  'int getsockname(int, void *, void *)',
);
const cClose: (fd: number) => number = libc.func('int close(int)');
const cDup3: (from: number, onto: number, flags: number) => number = libc.func('int dup3(int, int, int)');
const cClockGetTime: (clock: number, timespec: Uint32Array) => number = libc.func('int clock_gettime(int, void *)');
const cClockGetRes: (clock: number, timespec: Uint32Array) => number = libc.func('int clock_getres(int, void *)');
const cIfNameToIndex: (name: string) => number = libc.func('uint32_t if_nametoindex(const char *)');
const cStrError: (errno: number) => string = libc.func('const char *strerror(int)');
const cSchedGetScheduler: (pid: number) => number = libc.func('int sched_getscheduler(int)');
const cSchedSetScheduler: (pid: number, policy: number, parameters: Int32Array) => number = libc.func(
  'int sched_setscheduler(int, int, void *)',
);
const cExit: (status: number) => void = libc.func('void _exit(int)');
const cSysConf: (name: number) => number = libc.func('long sysconf(int)');

/** Reads errno. Call it only straight after a return of -1: after a success it may hold an old value. */
export function failed(call: string, detail?: string): SystemError {
  return systemError(call, koffi.errno(), detail);
}

/** socket(2). The value is the file descriptor; the caller closes it. */
export function socket(domain: number, type: number, protocol: number): SystemResult<number> {
  const fd = cSocket(domain, type, protocol);
  return fd === -1 ? failed('socket') : { ok: true, value: fd };
}

/** bind(2). `address` is a whole `struct sockaddr_*` (see `sockaddr.ts`). */
export function bind(fd: number, address: Uint8Array): SystemResult<undefined> {
  return cBind(fd, address, address.length) === -1 ? failed('bind') : { ok: true, value: undefined };
}

/** connect(2). For datagram sockets: fixes the destination and filters what is received. */
export function connect(fd: number, address: Uint8Array): SystemResult<undefined> {
  return cConnect(fd, address, address.length) === -1 ? failed('connect') : { ok: true, value: undefined };
}

/** sendto(2); send(2) when `address` is null. The value is the number of bytes sent. */
export function sendTo(fd: number, data: Uint8Array, address: Uint8Array | null, flags = 0): SystemResult<number> {
  const sent = cSendTo(fd, data, data.length, flags, address, address === null ? 0 : address.length);
  return sent === -1 ? failed('sendto') : { ok: true, value: sent };
}

/**
 * recv(2) into the caller's buffer. The value is the number of bytes: the first so many of `into` are the message.
 * With `MSG_DONTWAIT` and nothing there it fails with `EAGAIN`; with `MSG_TRUNC` the value may exceed the buffer.
 */
export function recv(fd: number, into: Uint8Array, flags = 0): SystemResult<number> {
  const received = cRecv(fd, into, into.length, flags);
  return received === -1 ? failed('recv') : { ok: true, value: received };
}

const addressLength = new Uint32Array(1);

/** recvfrom(2): as `recv`, and writes the sender's `struct sockaddr_*` to `address`. */
export function recvFrom(
  fd: number,
  into: Uint8Array,
  address: Uint8Array,
  flags = 0,
): SystemResult<{ received: number; addressLength: number }> {
  addressLength[0] = address.length;
  const received = cRecvFrom(fd, into, into.length, flags, address, addressLength);
  if (received === -1) return failed('recvfrom');
  return { ok: true, value: { received, addressLength: addressLength[0] ?? 0 } };
}

/**
 * recvmmsg(2) of what is there, into `count` `struct mmsghdr` at `address` (see `datagram-batch.ts`). The value is how many
 * messages; with nothing there it fails with `EAGAIN`.
 */
export function receiveMany(fd: number, address: bigint, count: number): SystemResult<number> {
  const received = cRecvMMsg(fd, address, count, MSG_DONTWAIT, null);
  return received === -1 ? failed('recvmmsg') : { ok: true, value: received };
}

const pollFd = new DataView(new ArrayBuffer(8));
const pollFdBytes = new Uint8Array(pollFd.buffer);

/**
 * poll(2) on one descriptor, blocking the whole thread for up to `timeoutMs` (0: look only, -1: without end).
 * The value is `revents`, 0 for none in time. A signal ends it early with `EINTR`.
 */
export function poll(fd: number, events: number, timeoutMs: number): SystemResult<number> {
  pollFd.setInt32(0, fd, true);
  pollFd.setInt16(4, events, true);
  pollFd.setInt16(6, 0, true);
  return cPoll(pollFdBytes, 1, timeoutMs) === -1 ? failed('poll') : { ok: true, value: pollFd.getInt16(6, true) };
}

const optionInt = new DataView(new ArrayBuffer(4));
const optionIntBytes = new Uint8Array(optionInt.buffer);
const optionLength = new Uint32Array(1);

/** setsockopt(2) with a structure or a string. */
export function setSocketOption(fd: number, level: number, option: number, value: Uint8Array): SystemResult<undefined> {
  return cSetSockOpt(fd, level, option, value, value.length) === -1
    ? failed('setsockopt')
    : { ok: true, value: undefined };
}

/** setsockopt(2) with an `int`. */
export function setSocketOptionInt(fd: number, level: number, option: number, value: number): SystemResult<undefined> {
  optionInt.setInt32(0, value, true);
  return setSocketOption(fd, level, option, optionIntBytes);
}

/** getsockopt(2) into the caller's buffer. The value is the number of bytes that the kernel wrote. */
export function getSocketOption(fd: number, level: number, option: number, into: Uint8Array): SystemResult<number> {
  optionLength[0] = into.length;
  return cGetSockOpt(fd, level, option, into, optionLength) === -1
    ? failed('getsockopt')
    : { ok: true, value: optionLength[0] ?? 0 };
}

/** getsockopt(2) of an `int`. */
export function getSocketOptionInt(fd: number, level: number, option: number): SystemResult<number> {
  const got = getSocketOption(fd, level, option, optionIntBytes);
  return got.ok ? { ok: true, value: optionInt.getInt32(0, true) } : got;
}

/** getsockname(2) into the caller's buffer. The value is the length of the address. */
export function getSocketName(fd: number, into: Uint8Array): SystemResult<number> {
  addressLength[0] = into.length;
  return cGetSockName(fd, into, addressLength) === -1
    ? failed('getsockname')
    : { ok: true, value: addressLength[0] ?? 0 };
}

/** close(2). Never repeat it: Linux frees the descriptor even when it reports EINTR. */
export function close(fd: number): SystemResult<undefined> {
  return cClose(fd) === -1 ? failed('close') : { ok: true, value: undefined };
}

const O_CLOEXEC = 0o2000000;

/** dup3(2): `onto` names what `from` names, which stays open; whatever `onto` named before is closed. */
export function duplicateOnto(from: number, onto: number): SystemResult<undefined> {
  return cDup3(from, onto, O_CLOEXEC) === -1 ? failed('dup3') : { ok: true, value: undefined };
}

const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SOCK_FPROG_BYTES = 16;
const SOCK_FILTER_BYTES = 8;

/** Lets only those packets into the socket that a classic BPF program, an array of `struct sock_filter`, lets through. */
export function attachFilter(fd: number, program: Uint8Array): SystemResult<undefined> {
  const filter = { len: program.length / SOCK_FILTER_BYTES, filter: program };
  return cAttachFilter(fd, SOL_SOCKET, SO_ATTACH_FILTER, filter, SOCK_FPROG_BYTES) === -1
    ? failed('setsockopt SO_ATTACH_FILTER')
    : { ok: true, value: undefined };
}

/** clock_gettime(2) into four words, `struct timespec`; true if it worked. For the per-packet path: allocates nothing. */
export function clockGetTime(clock: number, timespec: Uint32Array): boolean {
  return cClockGetTime(clock, timespec) === 0;
}

/** clock_getres(2) into four words, `struct timespec`; true if it worked. */
export function clockGetResolution(clock: number, timespec: Uint32Array): boolean {
  return cClockGetRes(clock, timespec) === 0;
}

/** if_nametoindex(3) in the network namespace of this process. Fails with `ENODEV` for an unknown name. */
export function interfaceIndex(name: string): SystemResult<number> {
  const index = cIfNameToIndex(name);
  return index === 0 ? failed('if_nametoindex', `interface ${name}`) : { ok: true, value: index };
}

/** sched_getscheduler(2) of the calling thread. The value is the policy, with `SCHED_RESET_ON_FORK` where that is set. */
export function schedulingPolicy(): SystemResult<number> {
  const policy = cSchedGetScheduler(0);
  return policy === -1 ? failed('sched_getscheduler') : { ok: true, value: policy };
}

/** sched_setscheduler(2) of the calling thread. Priority: 1 to 99 for the real-time policies, 0 for the others. */
export function setSchedulingPolicy(policy: number, priority: number): SystemResult<undefined> {
  return cSchedSetScheduler(0, policy, Int32Array.of(priority)) === -1
    ? failed('sched_setscheduler')
    : { ok: true, value: undefined };
}

/** _exit(2): ends all threads, whatever they are in; nothing is run or flushed before that. */
export function exitNow(status: number): never {
  cExit(status);
  throw new Error('_exit(2) has returned');
}

/** sysconf(3): -1 when the name is unknown or has no limit. */
export function systemConfiguration(name: number): number {
  return cSysConf(name);
}

/** strerror(3): the C library's own sentence for an errno, by which native modules report theirs. */
export function errorSentence(errno: number): string {
  return cStrError(errno);
}
