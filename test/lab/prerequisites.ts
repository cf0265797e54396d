import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where each program comes from on Debian and Ubuntu. */
const PACKAGE_OF = {
  ip: 'iproute2',
  nft: 'nftables',
  tcpdump: 'tcpdump',
  setpriv: 'util-linux',
  sysctl: 'procps',
  keepalived: 'keepalived',
  tshark: 'tshark',
  taskset: 'util-linux',
  renice: 'bsdutils',
} as const;

export type Tool = keyof typeof PACKAGE_OF;

/** What every laboratory needs. */
export const LAB_TOOLS: readonly Tool[] = ['ip', 'nft', 'tcpdump', 'setpriv', 'sysctl'];

/**
 * What stands in the way of a laboratory on this machine, as one message per obstacle with the command that removes it;
 * empty when nothing does.
 * @param retry the command that the reader typed, to be shown again with sudo
 */
export function obstacles(tools: readonly Tool[], retry: string): string[] {
  const found: string[] = [];
  if (process.platform !== 'linux') {
    return [`The lab is made of Linux network namespaces; this is ${process.platform}. Use a Linux machine.`];
  }
  if (process.getuid?.() !== 0)
    found.push(`Network namespaces need root. Type: sudo env "PATH=$PATH:/usr/sbin:/sbin" ${retry}`);
  const missing = tools.filter((tool) => !onPath(tool));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((tool) => PACKAGE_OF[tool]))].join(' ');
    found.push(`Not installed: ${missing.join(', ')}. Type: sudo apt-get install ${packages}`);
  }
  return found;
}

/** As `obstacles`, for tests: a missing tool is a failure with a reason, never a skipped test. */
export function requireTools(tools: readonly Tool[]): void {
  const found = obstacles(tools, 'npm test');
  if (found.length > 0) throw new Error(found.join('\n'));
}

function onPath(tool: Tool): boolean {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.some((folder) => {
    try {
      accessSync(join(folder, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
