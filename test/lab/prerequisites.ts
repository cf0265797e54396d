import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** Where each program comes from on Debian and Ubuntu. */
const PACKAGE_OF = {
  ip: 'iproute2',
  nft: 'nftables',
  tcpdump: 'tcpdump',
  setpriv: 'util-linux',
  unshare: 'util-linux',
  sysctl: 'procps',
  keepalived: 'keepalived',
  tshark: 'tshark',
  taskset: 'util-linux',
  renice: 'bsdutils',
  chrt: 'util-linux',
} as const;

const CAP_NET_ADMIN = 12n;
const CAP_SYS_ADMIN = 21n;

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
  if (!mayMakeNamespaces()) found.push(`Network namespaces need root. Type: ${withSudo(retry)}`);
  const missing = tools.filter((tool) => !onPath(tool));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map((tool) => PACKAGE_OF[tool]))].join(' ');
    found.push(`Not installed: ${missing.join(', ')}. Type: sudo apt-get install ${packages}`);
  }
  return found;
}

export function withSudo(command: string): string {
  return `sudo env "PATH=$PATH:/usr/sbin:/sbin" ${command}`;
}

/** As `obstacles`, for tests: a missing tool is a failure with a reason, never a skipped test. */
export function requireTools(tools: readonly Tool[]): void {
  const found = obstacles(tools, 'npm test');
  if (found.length > 0) throw new Error(found.join('\n'));
}

/** Whether this process may name network namespaces and configure them: as root, or in namespaces of its own. */
export function mayMakeNamespaces(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const held = BigInt(`0x${effective}`);
  return [CAP_NET_ADMIN, CAP_SYS_ADMIN].every((capability) => ((held >> capability) & 1n) === 1n);
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
