/**
 * What `work` takes of a processor, in ns, with what the runtime does for it in threads of its own (collecting, compiling).
 * Not the time that passes: on a machine that does other work too, that would be the others' as well.
 */
export function processorNsOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1_000;
}
