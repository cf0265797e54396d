import { getPriority, setPriority } from 'node:os';

/** As keepalived's vrrp_priority: a takeover must not wait for whatever else the host computes. */
export const TAKEOVER_NICENESS = -15;

/**
 * Raises the priority of this process, and so of the engine that it starts, unless the service manager has given it one
 * (`Nice=`). Without the privilege (CAP_SYS_NICE, RLIMIT_NICE) it stays as it is. Niceness: -20 to 19.
 */
export function raisePriority(): void {
  if (getPriority() !== 0) return;
  try {
    setPriority(TAKEOVER_NICENESS);
  } catch {
    // An unprivileged demo; the unit file says `Nice=` itself.
  }
}
