import { schedulingPolicy, setSchedulingPolicy } from './libc.ts';

// From linux/sched.h.
const SCHED_OTHER = 0;
const SCHED_RR = 2;
const SCHED_RESET_ON_FORK = 0x4000_0000;
/** The lowest of real time: before everything that merely computes, after the kernel's own threads. */
const PRIORITY = 1;

/**
 * Puts the calling thread before everything that is not scheduled in real time itself (sched(7)); what it starts from now
 * on, threads and processes, is scheduled as usual. Undefined when done, or when the service manager has chosen a policy;
 * otherwise why not: it takes CAP_SYS_NICE or `RLIMIT_RTPRIO` of 1.
 */
export function runInRealTime(): string | undefined {
  const policy = schedulingPolicy();
  if (!policy.ok) return policy.text;
  if (policy.value !== SCHED_OTHER) return undefined;
  const changed = setSchedulingPolicy(SCHED_RR | SCHED_RESET_ON_FORK, PRIORITY);
  return changed.ok ? undefined : changed.text;
}
