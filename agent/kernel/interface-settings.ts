import { readFileSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { type SystemResult, systemError } from './errno.ts';

/** A setting under /proc/sys/net of one interface, or of `all`, in the network namespace of this process. */
export type InterfaceSetting = {
  readonly family: 'ipv4' | 'ipv6';
  readonly interface: string;
  /** As `arp_ignore`: ip-sysctl.rst of the kernel's documentation lists them. */
  readonly key: string;
};

/** The setting's value; undefined where the kernel has none (no IPv6, an interface that has gone). */
export function readInterfaceSetting(setting: InterfaceSetting): number | undefined {
  try {
    return Number(readFileSync(pathOf(setting), 'latin1'));
  } catch {
    return undefined;
  }
}

/** Needs CAP_NET_ADMIN, and a /proc/sys that the service manager has not made read-only (`EROFS`). */
export function writeInterfaceSetting(setting: InterfaceSetting, value: number): SystemResult<undefined> {
  try {
    writeFileSync(pathOf(setting), String(value));
    return { ok: true, value: undefined };
  } catch (error) {
    const errno = error instanceof Error && 'errno' in error && typeof error.errno === 'number' ? -error.errno : 0;
    return systemError(`write ${value} to ${pathOf(setting)}`, errno === 0 ? constants.errno.EIO : errno);
  }
}

function pathOf({ family, interface: name, key }: InterfaceSetting): string {
  return `/proc/sys/net/${family}/conf/${name}/${key}`;
}
