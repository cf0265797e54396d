import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { perform } from './command.ts';

const FOLDER = join(import.meta.dirname, '../../node_modules/.debian');
/** Beyond what every Debian has: what starts services, and what looks at a network. */
const PACKAGES = 'systemd,systemd-sysv,iproute2';
/** In memory, where nobody waits for a disk; the mount goes with the namespace, whatever happens. */
const MAKE = `mount -t tmpfs tmpfs "$1" &&
debootstrap --variant=minbase --include=${PACKAGES} "$2" "$1/root" "$3" &&
rm -f "$1"/root/var/cache/apt/archives/*.deb &&
tar -C "$1/root" -cf "$4" .`;

/** A folder with a Debian as this machine's, on which nobody has installed anything; made once, by debootstrap. */
export async function unpackCleanDebian(into: string): Promise<void> {
  const archive = await cleanDebian();
  mkdirSync(into, { recursive: true });
  await perform('tar', ['-C', into, '-xpf', archive]);
}

async function cleanDebian(): Promise<string> {
  const { mirror, codename } = await source();
  const archive = join(FOLDER, `clean-${codename}.tar`);
  if (existsSync(archive)) return archive;
  const scratch = join(FOLDER, 'debootstrap');
  mkdirSync(scratch, { recursive: true });
  const unfinished = `${archive}.new`;
  await perform('unshare', ['--mount', 'sh', '-euc', MAKE, 'sh', scratch, codename, mirror, unfinished]);
  renameSync(unfinished, archive);
  return archive;
}

/** From where this machine's apt gets its own packages. */
async function source(): Promise<{ mirror: string; codename: string }> {
  const format = '$(REPO_URI) $(CODENAME) $(ORIGIN) $(COMPONENT)';
  const list = await perform('apt-get', ['indextargets', '--format', format, 'Created-By: Packages']);
  for (const line of list.split('\n')) {
    const [mirror, codename, origin, component] = line.split(' ');
    if (origin === 'Debian' && component === 'main' && mirror !== undefined && codename !== undefined) {
      return { mirror, codename };
    }
  }
  throw new Error(`apt knows no Debian mirror; the package test needs Debian. It knows:\n${list}`);
}
