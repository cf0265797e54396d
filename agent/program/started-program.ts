import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { boottimeUs } from '../kernel/clock.ts';
import { readProcessStat } from '../kernel/in-any-thread.ts';
import { readBootId } from '../state/boot-id.ts';

/** Names a running program for ever: a process's number is used again after a while, and in the next boot. */
export const StartedProgram = z.object({ bootId: z.string(), pid: z.int().min(2), startTicks: z.string() });
export type StartedProgram = z.infer<typeof StartedProgram>;

/** proc(5), starttime: sysconf(_SC_CLK_TCK) is 100 on every kernel. */
const MS_PER_TICK = 10;
/** It is another process's child, so that the kernel does not tell of its end. */
const LOOK_EVERY_MS = 50;

/** undefined: nothing is left of it. */
export function identifyProgram(pid: number): StartedProgram | undefined {
  const stat = readProcessStat(pid);
  return stat === undefined ? undefined : { bootId: readBootId(), pid, startTicks: stat.startTicks };
}

export function isRunning({ bootId, pid, startTicks }: StartedProgram): boolean {
  const stat = readProcessStat(pid);
  return stat !== undefined && stat.startTicks === startTicks && !stat.ended && bootId === readBootId();
}

/**
 * Resolves when a program that `runProgram` started in a process that has died is over, and says how. It is killed with its
 * process group `timeoutMs` after its start; one that cannot be killed outlives that. Never rejects.
 *
 * @param running aborted when the agent stops; the program is killed then, and not waited for
 */
export async function endOfProgram(
  program: StartedProgram,
  timeoutMs: number,
  running: AbortSignal,
): Promise<'ended' | 'killed'> {
  const dueMs = Number(program.startTicks) * MS_PER_TICK + timeoutMs;
  let end: 'ended' | 'killed' = 'ended';
  while (isRunning(program)) {
    if (end === 'ended' && (running.aborted || boottimeUs() / 1000 >= dueMs)) {
      killGroup(program.pid);
      end = 'killed';
    }
    if (running.aborted) break;
    await sleep(LOOK_EVERY_MS);
  }
  return end;
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL');
  } catch {
    // It ended this moment.
  }
}
