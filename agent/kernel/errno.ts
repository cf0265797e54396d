import { constants } from 'node:os';

/** A system call that failed: an expected outcome, so it is a value and not an exception. */
export interface SystemError {
  ok: false;
  /** The positive number from errno(3). */
  errno: number;
  /** Its name, such as `EPERM`; `E<number>` for one that this machine's Node does not know. */
  code: string;
  /** What was called, in the words of section 2 of the manual: `socket`, `setsockopt SO_BINDTODEVICE`. */
  call: string;
  /** One sentence for people: what happened and, where there is something to do about it, what to do. */
  text: string;
}

/** The outcome of a system call. */
export type SystemResult<T> = { ok: true; value: T } | SystemError;

const NAMES = new Map<number, string>();
for (const [name, errno] of Object.entries(constants.errno)) {
  // EAGAIN and EWOULDBLOCK are one number; the first name is the common one.
  if (!NAMES.has(errno)) NAMES.set(errno, name);
}

const ADVICE: Readonly<Record<string, string>> = {
  EPERM:
    'not permitted: needs CAP_NET_RAW and CAP_NET_ADMIN. Run as root, or grant both to the service (AmbientCapabilities=CAP_NET_RAW CAP_NET_ADMIN)',
  EACCES: 'permission denied: needs CAP_NET_RAW and CAP_NET_ADMIN. Run as root, or grant both to the service',
  ENODEV: 'no such interface',
  ENXIO: 'no such interface',
  ENETDOWN: 'the interface is down',
  EADDRNOTAVAIL: 'the address is not there',
  EADDRINUSE: 'the address is already in use',
  EEXIST: 'it is already there',
  ENETUNREACH: 'the network is unreachable: no route, or no address on the interface yet',
  ENOBUFS: 'the kernel has no buffer space left',
  EMFILE: 'this process has too many files open (raise LimitNOFILE)',
  EINVAL: 'the kernel refused the arguments',
  EAFNOSUPPORT: 'the kernel does not support this address family (is IPv6 switched off?)',
  EPROTONOSUPPORT: 'the kernel does not support this protocol',
  EOPNOTSUPP: 'the kernel does not support this',
  ENOTSUP: 'the kernel does not support this',
  EROFS:
    'it is read-only here (ProtectKernelTunables=yes in the systemd unit, or a container without its own /proc/sys)',
};

/** Names an errno value. Total: unknown numbers come back as `E<number>`. */
export function errnoName(errno: number): string {
  return NAMES.get(errno) ?? `E${errno}`;
}

/** The number behind an errno name on this machine, or undefined for a name that it does not know. */
export function errnoNumber(name: string): number | undefined {
  return new Map(Object.entries(constants.errno)).get(name);
}

/** Builds the value for a failed call. `detail` says what the call was about, such as `interface eth0`. */
export function systemError(call: string, errno: number, detail?: string): SystemError {
  const code = errnoName(errno);
  const what = detail === undefined ? call : `${call} (${detail})`;
  return { ok: false, errno, code, call, text: `${what}: ${ADVICE[code] ?? `failed with ${code}`} [${code}]` };
}
