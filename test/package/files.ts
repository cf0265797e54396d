import type { Container } from './container.ts';

/** What a running Debian writes by itself, and what apt and dpkg keep of any package that ever was there. */
const OF_THE_SYSTEM = [
  /^\/(?:proc|sys|dev|run|tmp)\//,
  /^\/var\/(?:log|tmp|cache\/(?:apt|ldconfig|debconf))\//,
  /^\/var\/lib\/(?:apt|dpkg\/(?:lock|status|available|diversions|statoverride|triggers|alternatives))/,
  /^\/var\/lib\/dpkg\/updates/,
  /^\/var\/lib\/systemd\/(?:timers|catalog|random-seed|coredump|linger|ephemeral-trees)/,
  /^\/(?:root|etc\/(?:ld\.so\.cache|machine-id|resolv\.conf|hostname|\.updated))(?:\/|$)/,
  /^\/var\/\.updated$/,
];

/** Every path of its file system that a package could have to do with. */
export async function filesOf(container: Container): Promise<ReadonlySet<string>> {
  const paths = (await container.chroot('find', ['/', '-xdev', '-not', '-type', 's', '-print'])).split('\n');
  return new Set(paths.filter((path) => path !== '' && !OF_THE_SYSTEM.some((pattern) => pattern.test(path))));
}
