import koffi from 'koffi';

const MEMBARRIER_CMD_GLOBAL = 1;

/** membarrier(2) has no wrapper in the C library; its number by architecture, in Node's names. */
const MEMBARRIER: Readonly<Record<string, number>> = {
  x64: 324,
  arm64: 283,
  riscv64: 283,
  loong64: 283,
  arm: 389,
  ppc64: 365,
  s390x: 356,
};

const syscall: (number: number, command: number, flags: number, cpu: number) => number = koffi
  .load(null)
  .func('long syscall(long, int, int, int)');

/**
 * Waits until every packet that some CPU was working on at the time of the call is done with: membarrier(2) is the
 * system call behind which the kernel's synchronize_rcu() stands. Takes some 10 to 50 ms. False if the kernel cannot
 * (CPUs in nohz_full, a seccomp filter).
 */
export function waitForPacketsInFlight(): boolean {
  const number = MEMBARRIER[process.arch];
  return number !== undefined && syscall(number, MEMBARRIER_CMD_GLOBAL, 0, 0) === 0;
}
