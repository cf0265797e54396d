import type { ProcessStat } from '../kernel/in-any-thread.ts';

type Known = {
  readonly comm: string;
  /** undefined: a fork's, until it is read. */
  readonly startTicks: string | undefined;
  /** What its arguments call it; undefined until they are read. */
  readonly argument: string | undefined;
};

/**
 * Which processes run on this host, by name. No I/O: it is told what happens, and says of which processes the arguments are to
 * be read. What their arguments called them before is kept until then.
 */
export class Census {
  readonly #processes = new Map<number, Known>();

  /** How many processes have that name. */
  count(name: string): number {
    let found = 0;
    for (const { comm, argument } of this.#processes.values()) if (comm === name || argument === name) found += 1;
    return found;
  }

  /** Everything was read. */
  scanned(found: readonly ProcessStat[]): ProcessStat[] {
    const pids = new Set(found.map(({ pid }) => pid));
    for (const pid of this.#processes.keys()) if (!pids.has(pid)) this.#processes.delete(pid);
    return found.filter((stat) => {
      const known = this.#processes.get(stat.pid);
      this.seen(stat);
      return !stat.ended && (known?.startTicks !== stat.startTicks || known.comm !== stat.comm);
    });
  }

  /** One was read, after it has begun to run a program or to call itself otherwise: its arguments may be others now. */
  seen(stat: ProcessStat): void {
    const { pid, comm, startTicks, ended } = stat;
    const known = this.#processes.get(pid);
    const same = known?.startTicks === undefined || known.startTicks === startTicks;
    if (ended) this.#processes.delete(pid);
    else this.#processes.set(pid, { comm, startTicks, argument: same ? known?.argument : undefined });
  }

  argumentRead({ pid, startTicks }: ProcessStat, argument: string | undefined): void {
    const known = this.#processes.get(pid);
    if (known?.startTicks === startTicks) this.#processes.set(pid, { ...known, argument });
  }

  /** Until it runs a program of its own, the child is called as its parent. */
  forked(parent: number, child: number): void {
    const known = this.#processes.get(parent);
    if (known !== undefined) this.#processes.set(child, { ...known, startTicks: undefined });
  }

  exited(pid: number): void {
    this.#processes.delete(pid);
  }
}
