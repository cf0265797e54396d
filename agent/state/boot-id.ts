import { readFileSync } from 'node:fs';

/** Names this boot of the host: what was promised in another one has at least its uptime behind it (L9). Throws. */
export function readBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
