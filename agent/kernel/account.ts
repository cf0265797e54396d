import koffi from 'koffi';
import { type SystemResult, systemError } from './errno.ts';

/** A user of this host, as numbers. */
export type Account = { readonly uid: number; readonly gid: number };

const PASSWD = koffi.struct('passwd', {
  pw_name: 'const char *',
  pw_passwd: 'const char *',
  pw_uid: 'uint32_t',
  pw_gid: 'uint32_t',
});
const getPwNam: (name: string) => unknown = koffi.load(null).func('passwd *getpwnam(const char *)');

/**
 * getpwnam(3): by /etc/passwd, or whatever nsswitch.conf names; so it may wait for a directory server. undefined: there is no
 * such user. Its answer lies in memory that all threads share: for the first thread of a process only.
 */
export function findAccount(name: string): SystemResult<Account | undefined> {
  koffi.errno(0);
  const found = getPwNam(name);
  if (found === null) {
    const errno = koffi.errno();
    return NOT_FOUND.has(errno) ? { ok: true, value: undefined } : systemError('getpwnam', errno, `user ${name}`);
  }
  const { pw_uid: uid, pw_gid: gid } = koffi.decode(found, PASSWD);
  return { ok: true, value: { uid, gid } };
}

/** 0, ENOENT, ESRCH, EBADF, EPERM: what C libraries say of a user who is not there. */
const NOT_FOUND: ReadonlySet<number> = new Set([0, 2, 3, 9, 1]);
